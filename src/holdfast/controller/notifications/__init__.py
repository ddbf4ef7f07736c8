"""Telling people: what there is to tell, once each, and sending it through Apprise."""
