"""The page that people read: answer first."""
