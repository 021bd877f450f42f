"""Inside the FreeRADIUS process: logins decided from memory, memory kept true from the database."""
