# Members of a project share its files; nobody else reads them.
umask 0027
