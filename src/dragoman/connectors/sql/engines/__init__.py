"""The databases the `sql` connector speaks to, one file each, behind the one shape of `engine`."""
