"""What API and worker share: settings, job store, wake-ups, object store, catalog."""
