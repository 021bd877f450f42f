"""What people type into the panel, read into values. Fields are named as the use-cases name them."""
