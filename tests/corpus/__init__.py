"""Pictures that others drew, and files that were made to do harm, through the real render."""
