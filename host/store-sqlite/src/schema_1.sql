-- Format 1.
-- format: every step that this file went through.
CREATE TABLE format(version INTEGER PRIMARY KEY, since_ms INTEGER NOT NULL, written_by TEXT NOT NULL);

-- Objects ------------------------------------------------------------------------------------------------------------
CREATE TABLE kinds(
  id INTEGER PRIMARY KEY, api_version TEXT NOT NULL, kind TEXT NOT NULL, sealed INTEGER NOT NULL,
  UNIQUE(kind, api_version)
);
CREATE TABLE label_names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- Narrow on purpose: lists walk these rows and their indexes, and read the wide ones only for what they show.
-- A deleted object stays, out of all indexes, as long as watches can resume from before its deletion.
CREATE TABLE objects(
  id INTEGER PRIMARY KEY, -- grows with creation
  kind INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,
  revision INTEGER NOT NULL, generation INTEGER NOT NULL, created_ms INTEGER NOT NULL, phase TEXT NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX objects_name ON objects(kind, namespace, name) WHERE deleted = 0;
CREATE INDEX objects_namespace ON objects(kind, namespace, created_ms) WHERE deleted = 0;
CREATE INDEX objects_created ON objects(kind, created_ms) WHERE deleted = 0;
CREATE INDEX objects_phase ON objects(kind, phase, created_ms) WHERE deleted = 0;
CREATE INDEX objects_deleted ON objects(revision) WHERE deleted = 1;
-- metadata: what users write of it, as JSON; the rest are columns of objects.
CREATE TABLE contents(id INTEGER PRIMARY KEY, metadata BLOB NOT NULL, status BLOB);
-- Apart, so that a new status does not rewrite a large body.
CREATE TABLE bodies(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE labels(
  kind INTEGER NOT NULL, name INTEGER NOT NULL, value TEXT NOT NULL, created_ms INTEGER NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY(kind, name, value, created_ms, id)
) WITHOUT ROWID;
CREATE TABLE owners(uid TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY(uid, id)) WITHOUT ROWID;
-- One row per revision. before: what selectors ask about, as it was before (JSON); empty: the object came into being;
-- NULL: as after.
CREATE TABLE changes(revision INTEGER PRIMARY KEY, id INTEGER NOT NULL, before BLOB);
-- What deletions left to do.
CREATE TABLE work(seq INTEGER PRIMARY KEY, work TEXT NOT NULL);

-- Journal ------------------------------------------------------------------------------------------------------------
-- The last sequence number is that of the last record, or of the snapshot.
CREATE TABLE instances(
  id INTEGER PRIMARY KEY, engine TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, live INTEGER NOT NULL,
  wake_ms INTEGER, snapshot_seq INTEGER NOT NULL DEFAULT 0, UNIQUE(engine, name)
);
CREATE INDEX instances_live ON instances(engine, name) WHERE live = 1;
CREATE TABLE snapshots(instance INTEGER PRIMARY KEY, format INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE records(
  instance INTEGER NOT NULL, seq INTEGER NOT NULL, format INTEGER NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY(instance, seq)
) WITHOUT ROWID;
-- Instances that were deleted, whose records still go.
CREATE TABLE purges(instance INTEGER PRIMARY KEY);

-- Events -------------------------------------------------------------------------------------------------------------
CREATE TABLE topics(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL, dropped INTEGER NOT NULL,
  bytes INTEGER NOT NULL, bytes_max INTEGER
);
CREATE TABLE events(
  topic INTEGER NOT NULL, offset INTEGER NOT NULL, event TEXT NOT NULL, stored_ms INTEGER NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY(topic, offset)
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_id ON events(topic, event);
CREATE TABLE consumers(
  topic INTEGER NOT NULL, name TEXT NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY(topic, name)
) WITHOUT ROWID;
