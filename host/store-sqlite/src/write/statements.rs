//! The writer's statements, prepared once per connection.

use rusqlite::{Connection, Statement};

macro_rules! statements {
    ($( $name:ident = $sql:expr; )*) => {
        /// Every statement of the hot path.
        pub(super) struct Statements<'c> {
            pub(super) conn: &'c Connection,
            $( pub(super) $name: Statement<'c>, )*
        }

        impl<'c> Statements<'c> {
            pub(super) fn prepare(conn: &'c Connection) -> rusqlite::Result<Self> {
                Ok(Self { conn, $( $name: conn.prepare($sql)?, )* })
            }
        }
    };
}

statements! {
    begin = "BEGIN IMMEDIATE";
    commit = "COMMIT";

    get = "SELECT o.id, o.kind, o.namespace, o.name, o.uid, o.revision, o.generation, o.created_ms, o.phase,
             c.metadata, c.status, b.body
           FROM objects o INDEXED BY objects_name JOIN contents c ON c.id = o.id LEFT JOIN bodies b ON b.id = o.id
           WHERE o.kind = ?1 AND o.namespace = ?2 AND o.name = ?3 AND o.deleted = 0";
    get_by_id = "SELECT o.id, o.kind, o.namespace, o.name, o.uid, o.revision, o.generation, o.created_ms, o.phase,
             c.metadata, c.status, b.body
           FROM objects o JOIN contents c ON c.id = o.id LEFT JOIN bodies b ON b.id = o.id WHERE o.id = ?1 AND o.deleted = 0";
    insert_object = "INSERT INTO objects(id, kind, namespace, name, uid, revision, generation, created_ms, phase)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    insert_contents = "INSERT INTO contents(id, metadata, status) VALUES (?1, ?2, ?3)";
    insert_body = "INSERT INTO bodies(id, body) VALUES (?1, ?2)";
    insert_label = "INSERT INTO labels(kind, name, value, created_ms, id) VALUES (?1, ?2, ?3, ?4, ?5)";
    delete_label = "DELETE FROM labels WHERE kind = ?1 AND name = ?2 AND value = ?3 AND created_ms = ?4 AND id = ?5";
    insert_owner = "INSERT OR IGNORE INTO owners(uid, id) VALUES (?1, ?2)";
    delete_owner = "DELETE FROM owners WHERE uid = ?1 AND id = ?2";
    insert_change = "INSERT INTO changes(revision, id, before) VALUES (?1, ?2, ?3)";
    // Two forms, so that an unchanged phase does not touch its index.
    update_object = "UPDATE objects SET revision = ?2, generation = ?3 WHERE id = ?1";
    update_object_phase = "UPDATE objects SET revision = ?2, generation = ?3, phase = ?4 WHERE id = ?1";
    update_contents = "UPDATE contents SET metadata = ?2, status = ?3 WHERE id = ?1";
    update_metadata = "UPDATE contents SET metadata = ?2 WHERE id = ?1";
    update_status = "UPDATE contents SET status = ?2 WHERE id = ?1";
    update_body = "UPDATE bodies SET body = ?2 WHERE id = ?1";
    mark_deleted = "UPDATE objects SET deleted = 1, revision = ?2, generation = ?3 WHERE id = ?1";
    delete_body = "DELETE FROM bodies WHERE id = ?1";
    dependents = "SELECT id FROM owners WHERE uid = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    insert_kind = "INSERT INTO kinds(id, api_version, kind, sealed) VALUES (?1, ?2, ?3, ?4)";
    find_label_name = "SELECT id FROM label_names WHERE name = ?1";
    insert_label_name = "INSERT INTO label_names(name) VALUES (?1)";
    push_work = "INSERT INTO work(work) VALUES (?1)";
    first_work = "SELECT seq, work FROM work ORDER BY seq LIMIT 1";
    delete_work = "DELETE FROM work WHERE seq = ?1";
    trim_changes = "DELETE FROM changes WHERE revision <= ?1";
    trim_bodies = "DELETE FROM bodies WHERE id IN (SELECT id FROM objects WHERE deleted = 1 AND revision <= ?1)";
    trim_contents = "DELETE FROM contents WHERE id IN (SELECT id FROM objects WHERE deleted = 1 AND revision <= ?1)";
    trim_objects = "DELETE FROM objects WHERE deleted = 1 AND revision <= ?1";

    find_instance = "SELECT i.id, i.generation, i.live, i.wake_ms, i.snapshot_seq,
             coalesce((SELECT max(r.seq) FROM records r WHERE r.instance = i.id), i.snapshot_seq)
           FROM instances i WHERE i.engine = ?1 AND i.name = ?2";
    insert_instance = "INSERT INTO instances(id, engine, name, generation, live, wake_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    // Two forms, so that an unchanged mark does not touch its index.
    update_instance = "UPDATE instances SET generation = ?2, wake_ms = ?3, snapshot_seq = ?4 WHERE id = ?1";
    update_instance_live = "UPDATE instances SET generation = ?2, wake_ms = ?3, snapshot_seq = ?4, live = ?5 WHERE id = ?1";
    insert_record = "INSERT INTO records(instance, seq, format, payload) VALUES (?1, ?2, ?3, ?4)";
    delete_records = "DELETE FROM records WHERE instance = ?1 AND seq <= ?2";
    insert_snapshot = "INSERT OR REPLACE INTO snapshots(instance, format, state) VALUES (?1, ?2, ?3)";
    delete_snapshot = "DELETE FROM snapshots WHERE instance = ?1";
    delete_instance = "DELETE FROM instances WHERE id = ?1";
    insert_purge = "INSERT INTO purges(instance) VALUES (?1)";
    first_purge = "SELECT instance FROM purges LIMIT 1";
    purge_piece = "DELETE FROM records WHERE instance = ?1 AND seq <= (SELECT min(seq) FROM records WHERE instance = ?1) + ?2";
    delete_purge = "DELETE FROM purges WHERE instance = ?1";

    find_topic = "SELECT id, last, dropped, bytes, bytes_max FROM topics WHERE name = ?1";
    insert_topic = "INSERT INTO topics(name, last, dropped, bytes, bytes_max) VALUES (?1, 0, 0, 0, NULL)";
    update_topic = "UPDATE topics SET last = ?2, dropped = ?3, bytes = ?4, bytes_max = ?5 WHERE id = ?1";
    find_event = "SELECT offset FROM events WHERE topic = ?1 AND event = ?2";
    insert_event = "INSERT INTO events(topic, offset, event, stored_ms, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
    oldest_events = "SELECT offset, stored_ms, length(CAST(event AS BLOB)) + length(payload) FROM events
           WHERE topic = ?1 AND offset <= ?2 ORDER BY offset";
    delete_events = "DELETE FROM events WHERE topic = ?1 AND offset <= ?2";
    acknowledged = "SELECT min(offset) FROM consumers WHERE topic = ?1";
    find_consumer = "SELECT offset FROM consumers WHERE topic = ?1 AND name = ?2";
    put_consumer = "INSERT OR REPLACE INTO consumers(topic, name, offset) VALUES (?1, ?2, ?3)";
    delete_consumer = "DELETE FROM consumers WHERE topic = ?1 AND name = ?2";
}
