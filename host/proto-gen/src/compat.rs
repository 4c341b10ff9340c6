//! Whether descriptors still serve the clients of older ones.
//!
//! Refused: a message, field, enum, enum value, service or RPC that is gone; a field whose number, type, cardinality, name or oneof changed; an
//! enum value whose number changed; an RPC whose messages or streaming changed. Allowed: everything new, and a field that is gone when its
//! number and name are `reserved`, which the baseline must take in by an explicit step.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::field_descriptor_proto::Label;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

/// Something that a client of the baseline would stumble over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: {reason}")]
pub struct Break {
    /// `colchis.v1.WorkflowSummary.phase`.
    pub subject: String,
    /// What became of it.
    pub reason: String,
}

/// Descriptors that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the {which} descriptors cannot be read")]
pub struct Unreadable {
    /// `baseline` or `current`.
    pub which: &'static str,
    /// Why.
    #[source]
    pub source: prost::DecodeError,
}

/// Everything by which `current` breaks clients of `baseline` (both serialized `FileDescriptorSet`s); empty when it breaks none.
pub fn breaks(baseline: &[u8], current: &[u8]) -> Result<Vec<Break>, Unreadable> {
    let baseline = FileDescriptorSet::decode(baseline).map_err(|source| Unreadable { which: "baseline", source })?;
    let current = FileDescriptorSet::decode(current).map_err(|source| Unreadable { which: "current", source })?;
    let (old, new) = (Items::of(&baseline), Items::of(&current));
    let mut found = Breaks::default();
    for (name, message) in &old.messages {
        match new.messages.get(name) {
            None => found.add(name, "the message is gone"),
            Some(now) => message_breaks(name, message, now, &mut found),
        }
    }
    for (name, old_enum) in &old.enums {
        match new.enums.get(name) {
            None => found.add(name, "the enum is gone"),
            Some(now) => enum_breaks(name, old_enum, now, &mut found),
        }
    }
    for (name, method) in &old.methods {
        match new.methods.get(name) {
            None => found.add(name, "the RPC is gone"),
            Some(now) => method_breaks(name, method, now, &mut found),
        }
    }
    Ok(found.0)
}

#[derive(Default)]
struct Breaks(Vec<Break>);

impl Breaks {
    fn add(&mut self, subject: &str, reason: impl Into<String>) {
        self.0.push(Break { subject: subject.to_owned(), reason: reason.into() });
    }
}

/// All descriptors by full name.
#[derive(Default)]
struct Items<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
    enums: BTreeMap<String, &'a EnumDescriptorProto>,
    methods: BTreeMap<String, &'a MethodDescriptorProto>,
}

impl<'a> Items<'a> {
    fn of(set: &'a FileDescriptorSet) -> Self {
        let mut items = Self::default();
        for file in &set.file {
            let package = file.package();
            for message in &file.message_type {
                items.add_message(package, message);
            }
            for each in &file.enum_type {
                items.enums.insert(format!("{package}.{}", each.name()), each);
            }
            for service in &file.service {
                for method in &service.method {
                    items.methods.insert(format!("{package}.{}.{}", service.name(), method.name()), method);
                }
            }
        }
        items
    }

    fn add_message(&mut self, scope: &str, message: &'a DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.add_message(&name, nested);
        }
        for each in &message.enum_type {
            self.enums.insert(format!("{name}.{}", each.name()), each);
        }
        self.messages.insert(name, message);
    }
}

fn message_breaks(name: &str, old: &DescriptorProto, new: &DescriptorProto, found: &mut Breaks) {
    for field in &old.field {
        let subject = format!("{name}.{}", field.name());
        match new.field.iter().find(|now| now.number() == field.number()) {
            Some(now) => field_breaks(&subject, (old, field), (new, now), found),
            None => match new.field.iter().find(|now| now.name() == field.name()) {
                Some(now) => {
                    found.add(&subject, format!("the field was renumbered from {} to {}", field.number(), now.number()))
                }
                None => found.add(&subject, format!("the field (number {}) is gone", field.number())),
            },
        }
    }
    for range in &old.reserved_range {
        if let Some(reused) = new.field.iter().find(|f| (range.start()..range.end()).contains(&f.number())) {
            found.add(&format!("{name}.{}", reused.name()), format!("number {} was reserved", reused.number()));
        }
    }
}

fn field_breaks(
    subject: &str,
    (old_in, old): (&DescriptorProto, &FieldDescriptorProto),
    (new_in, new): (&DescriptorProto, &FieldDescriptorProto),
    found: &mut Breaks,
) {
    if old.name() != new.name() {
        found.add(subject, format!("field number {} was renamed to `{}`", old.number(), new.name()));
    }
    if (old.r#type(), old.type_name()) != (new.r#type(), new.type_name()) {
        found.add(subject, format!("the field was retyped from {} to {}", type_text(old), type_text(new)));
    }
    if old.label() != new.label() {
        found.add(
            subject,
            format!("the field became {}", if new.label() == Label::Repeated { "repeated" } else { "single" }),
        );
    }
    let (was, is) = (oneof_text(old_in, old), oneof_text(new_in, new));
    if was != is {
        found.add(subject, format!("the field moved from {was} to {is}"));
    }
}

fn type_text(field: &FieldDescriptorProto) -> String {
    if field.type_name().is_empty() {
        field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase()
    } else {
        field.type_name().trim_start_matches('.').to_owned()
    }
}

fn oneof_text(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    if field.proto3_optional() {
        return "optional".to_owned();
    }
    let index = field.oneof_index.and_then(|index| usize::try_from(index).ok());
    match index.and_then(|index| message.oneof_decl.get(index)) {
        Some(oneof) => format!("oneof `{}`", oneof.name()),
        None => "no oneof".to_owned(),
    }
}

fn enum_breaks(name: &str, old: &EnumDescriptorProto, new: &EnumDescriptorProto, found: &mut Breaks) {
    for value in &old.value {
        let subject = format!("{name}.{}", value.name());
        match new.value.iter().find(|now| now.name() == value.name()) {
            None => found.add(&subject, "the value is gone"),
            Some(now) if now.number() != value.number() => {
                found.add(&subject, format!("the value was renumbered from {} to {}", value.number(), now.number()));
            }
            Some(_) => {}
        }
    }
}

fn method_breaks(name: &str, old: &MethodDescriptorProto, new: &MethodDescriptorProto, found: &mut Breaks) {
    if old.input_type() != new.input_type() {
        found.add(name, format!("its request was retyped to {}", new.input_type().trim_start_matches('.')));
    }
    if old.output_type() != new.output_type() {
        found.add(name, format!("its response was retyped to {}", new.output_type().trim_start_matches('.')));
    }
    if (old.client_streaming(), old.server_streaming()) != (new.client_streaming(), new.server_streaming()) {
        found.add(name, "its streaming changed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current() -> FileDescriptorSet {
        FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap()
    }

    fn message<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut DescriptorProto {
        set.file.iter_mut().flat_map(|f| &mut f.message_type).find(|m| m.name() == name).unwrap()
    }

    /// What `change` breaks, as text.
    fn broken_by(change: impl FnOnce(&mut FileDescriptorSet)) -> Vec<String> {
        let mut set = current();
        change(&mut set);
        breaks(crate::FILE_DESCRIPTOR_SET, &set.encode_to_vec()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_api_serves_clients_of_the_baseline() {
        assert_eq!(breaks(crate::BASELINE, crate::FILE_DESCRIPTOR_SET).unwrap(), []);
    }

    #[test]
    fn additions_break_nothing() {
        let broken = broken_by(|set| {
            let mut field = message(set, "SubmitResponse").field[0].clone();
            field.name = Some("new_one".to_owned());
            field.number = Some(99);
            message(set, "SubmitResponse").field.push(field);
        });
        assert_eq!(broken, Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_break_is_named() {
        use prost_types::field_descriptor_proto::Type;
        let cases: Vec<(Vec<String>, &str)> = vec![
            (
                broken_by(|s| drop(message(s, "SubmitResponse").field.remove(1))),
                "colchis.v1.SubmitResponse.name: the field (number 2) is gone",
            ),
            (
                broken_by(|s| message(s, "SubmitResponse").field[1].number = Some(77)),
                "colchis.v1.SubmitResponse.name: the field was renumbered from 2 to 77",
            ),
            (
                broken_by(|s| message(s, "SubmitResponse").field[1].set_type(Type::Int64)),
                "colchis.v1.SubmitResponse.name: the field was retyped from string to int64",
            ),
            (
                broken_by(|s| message(s, "SubmitResponse").field[1].set_label(Label::Repeated)),
                "colchis.v1.SubmitResponse.name: the field became repeated",
            ),
            (
                broken_by(|s| message(s, "SubmitResponse").field[1].name = Some("title".to_owned())),
                "colchis.v1.SubmitResponse.name: field number 2 was renamed to `title`",
            ),
            (
                broken_by(|s| message(s, "SubmitRequest").field[1].oneof_index = None),
                "colchis.v1.SubmitRequest.manifest: the field moved from oneof `source` to no oneof",
            ),
        ];
        for (broken, expected) in cases {
            assert_eq!(broken, [expected]);
        }
    }

    #[test]
    fn messages_enums_and_rpcs_are_kept() {
        let workflows =
            |s: &mut FileDescriptorSet| s.file.iter().position(|f| f.name() == "colchis/v1/workflows.proto").unwrap();
        let broken = broken_by(|s| {
            let at = workflows(s);
            s.file[at].message_type.retain(|m| m.name() != "WaitRequest");
            s.file[at].enum_type.retain(|e| e.name() != "StatusDetail");
            let phase = s.file[at].enum_type.iter_mut().find(|e| e.name() == "WorkflowPhase").unwrap();
            phase.value[3].number = Some(33);
            phase.value.remove(4);
            s.file[at].service[0].method.retain(|m| m.name() != "Terminate");
            s.file[at].service[0].method[0].server_streaming = Some(true);
        });
        assert_eq!(
            broken,
            [
                "colchis.v1.WaitRequest: the message is gone",
                "colchis.v1.StatusDetail: the enum is gone",
                "colchis.v1.WorkflowPhase.WORKFLOW_PHASE_SUCCEEDED: the value was renumbered from 3 to 33",
                "colchis.v1.WorkflowPhase.WORKFLOW_PHASE_FAILED: the value is gone",
                "colchis.v1.Workflows.Submit: its streaming changed",
                "colchis.v1.Workflows.Terminate: the RPC is gone",
            ]
        );
    }

    #[test]
    fn reserved_numbers_stay_reserved() {
        let mut old = current();
        let range = prost_types::descriptor_proto::ReservedRange { start: Some(90), end: Some(91) };
        message(&mut old, "SubmitResponse").reserved_range.push(range);
        let mut new = current();
        let mut field = message(&mut new, "SubmitResponse").field[0].clone();
        (field.name, field.number) = (Some("reused".to_owned()), Some(90));
        message(&mut new, "SubmitResponse").field.push(field);
        let found = breaks(&old.encode_to_vec(), &new.encode_to_vec()).unwrap();
        assert_eq!(found[0].to_string(), "colchis.v1.SubmitResponse.reused: number 90 was reserved");
    }

    #[test]
    fn garbage_is_said_to_be_unreadable() {
        assert_eq!(breaks(&[0xff; 8], crate::BASELINE).unwrap_err().which, "baseline");
        assert_eq!(breaks(crate::BASELINE, &[0xff; 8]).unwrap_err().which, "current");
    }
}
