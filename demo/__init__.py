"""What Holdfast does, shown with a real application on real clusters: `python -m demo`.

It speaks to clusters through `holdfast.cluster` to install, read and delete its application, and to the product as a user
does: by running the `holdfast` command. What came back is judged by `demo.compare`, which shares no code with the restore.
"""
