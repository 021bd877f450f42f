"""What is printed: invoices, receipts and sheets of vouchers as PDF, in the reader's language. Knows no database."""
