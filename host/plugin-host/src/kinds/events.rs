//! Events, as components give them.

use plugin::{ErrorClass, Event, PluginError, Result};

/// An event in the words of an interface: the two ways of getting events have types of their own for the same record.
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) time: Option<u64>,
    pub(crate) content_type: String,
    pub(crate) data: Vec<u8>,
    pub(crate) extensions: Vec<(String, String)>,
}

/// The longest id and type (bytes).
const WORD_BYTES_MAX: usize = 1_024;
/// Attributes beyond those of CloudEvents, and their bytes.
const EXTENSIONS_MAX: usize = 64;
const EXTENSIONS_BYTES_MAX: usize = 64 << 10;

/// Takes events, if they are what events may be.
pub(crate) fn taken(said: impl Iterator<Item = Said>, data_bytes_max: usize) -> Result<Vec<Event>> {
    said.map(|event| one(event, data_bytes_max)).collect()
}

fn one(said: Said, data_bytes_max: usize) -> Result<Event> {
    let wrong = |why: String| {
        let message = format!("the plugin gave an event that cannot be taken: {why}");
        PluginError::new(ErrorClass::Permanent, "bad-event", message)
    };
    if said.id.is_empty() {
        return Err(wrong("it has no id".to_owned()));
    }
    for (what, word) in [("id", &said.id), ("type", &said.kind), ("content-type", &said.content_type)] {
        if word.len() > WORD_BYTES_MAX {
            return Err(wrong(format!("its {what} has more than {WORD_BYTES_MAX} bytes")));
        }
    }
    if said.data.len() > data_bytes_max {
        return Err(wrong(format!(
            "its data has {} bytes, more than payload_bytes_max ({data_bytes_max})",
            said.data.len()
        )));
    }
    let bytes: usize = said.extensions.iter().map(|(name, value)| name.len() + value.len()).sum();
    if said.extensions.len() > EXTENSIONS_MAX || bytes > EXTENSIONS_BYTES_MAX {
        return Err(wrong(format!(
            "it has more than {EXTENSIONS_MAX} extensions, or {EXTENSIONS_BYTES_MAX} bytes of them"
        )));
    }
    Ok(Event {
        id: said.id,
        r#type: said.kind,
        time_ms: said.time,
        content_type: said.content_type,
        data: said.data,
        extensions: said.extensions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        Said {
            id: "1".into(),
            kind: String::new(),
            time: None,
            content_type: String::new(),
            data: vec![0; 9],
            extensions: Vec::new(),
        }
    }

    #[test]
    fn an_event_has_an_id_and_a_size() {
        let one = |event: Said| taken([event].into_iter(), 10).map(|events| events.len());
        assert_eq!(one(said()).unwrap(), 1);
        let many = (0..65).map(|n| (format!("a{n}"), String::new())).collect();
        for (wrong, why) in [
            (Said { id: String::new(), ..said() }, "it has no id"),
            (Said { id: "x".repeat(1_025), ..said() }, "its id has more than 1024 bytes"),
            (Said { data: vec![0; 11], ..said() }, "more than payload_bytes_max (10)"),
            (Said { extensions: many, ..said() }, "more than 64 extensions"),
        ] {
            let error = one(wrong).unwrap_err();
            assert!(error.message.contains(why), "{error}");
        }
    }
}
