"""A MariaDB under constant writes goes from one cluster to another with its data: `python -m demo.mysql`.

What came back is judged by asking the database, as a client would; nothing here reads a repository.
"""
