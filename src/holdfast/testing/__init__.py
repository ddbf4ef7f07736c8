"""Public fakes and test suites, for our tests and for those of other people's stores."""
