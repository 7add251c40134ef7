"""Adapters on Firestore, Pub/Sub and Cloud Storage: the only place that imports `google.*` (extra `gcp`).

Each module imports the library of its own service only. The emulators are used where the client libraries look for
them: FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, STORAGE_EMULATOR_HOST.
"""
