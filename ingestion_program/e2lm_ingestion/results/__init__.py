"""The results folder of a sweep: resumable, sealed, and rescorable with another metric."""
