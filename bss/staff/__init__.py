"""Jobs about staff: mail with links, old sessions, and the seals of the audit log."""
