//! Types as text that is equal when the types are.

use wit_parser::{Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

/// How an interface is called: `colchis:plugin/types`, without the version, whose first number is compared elsewhere.
pub(super) fn interface_name(graph: &Resolve, interface: &Interface) -> String {
    let package = interface.package.and_then(|id| graph.packages.get(id));
    let package = package.map(|p| format!("{}:{}/", p.name.namespace, p.name.name)).unwrap_or_default();
    format!("{package}{}", interface.name.as_deref().unwrap_or("anonymous"))
}

/// Whether a type only brings one of another interface in (`use types.{json}`).
pub(super) fn is_use(graph: &Resolve, definition: &TypeDef) -> bool {
    let TypeDefKind::Type(Type::Id(inner)) = definition.kind else { return false };
    graph.types.get(inner).is_some_and(|inner| inner.owner != definition.owner && inner.owner != TypeOwner::None)
}

/// A type as WIT would write it, with whole names. Types of other interfaces are called as those call them, however they were brought in.
pub(super) fn shown(graph: &Resolve, kind: &Type) -> String {
    match kind {
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
        Type::Id(id) => by_id(graph, *id),
    }
}

fn by_id(graph: &Resolve, id: TypeId) -> String {
    let Some(definition) = graph.types.get(id) else { return "unknown".into() };
    if is_use(graph, definition)
        && let TypeDefKind::Type(inner) = &definition.kind
    {
        return shown(graph, inner);
    }
    match (&definition.name, definition.owner) {
        (Some(name), TypeOwner::Interface(owner)) => match graph.interfaces.get(owner) {
            Some(interface) => format!("{}.{name}", interface_name(graph, interface)),
            None => name.clone(),
        },
        (Some(name), _) => name.clone(),
        (None, _) => kind(graph, &definition.kind),
    }
}

/// What a type is made of, on one line. Of records, variants, enums and flags only the word: their parts are compared one by one.
pub(super) fn kind(graph: &Resolve, kind: &TypeDefKind) -> String {
    let one = |inner: &Type| shown(graph, inner);
    let maybe = |inner: &Option<Type>| inner.as_ref().map_or_else(|| "_".to_owned(), |inner| shown(graph, inner));
    match kind {
        TypeDefKind::Handle(Handle::Own(id)) => by_id(graph, *id),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", by_id(graph, *id)),
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(one).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Option(inner) => format!("option<{}>", one(inner)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err)),
        TypeDefKind::List(inner) => format!("list<{}>", one(inner)),
        TypeDefKind::Map(from, to) => format!("map<{}, {}>", one(from), one(to)),
        TypeDefKind::FixedLengthList(inner, length) => format!("list<{}, {length}>", one(inner)),
        TypeDefKind::Future(inner) => format!("future<{}>", maybe(inner)),
        TypeDefKind::Stream(inner) => format!("stream<{}>", maybe(inner)),
        TypeDefKind::Type(inner) => one(inner),
        other => other.as_str().to_owned(),
    }
}

/// The parts of a type by name, with what each is; empty for types without parts.
pub(super) fn parts(graph: &Resolve, kind: &TypeDefKind) -> (&'static str, Vec<(String, String)>) {
    let payload = |inner: &Option<Type>| inner.as_ref().map(|inner| shown(graph, inner)).unwrap_or_default();
    match kind {
        TypeDefKind::Record(record) => {
            ("field", record.fields.iter().map(|field| (field.name.clone(), shown(graph, &field.ty))).collect())
        }
        TypeDefKind::Variant(variant) => {
            ("case", variant.cases.iter().map(|case| (case.name.clone(), payload(&case.ty))).collect())
        }
        TypeDefKind::Enum(cases) => {
            ("case", cases.cases.iter().map(|case| (case.name.clone(), String::new())).collect())
        }
        TypeDefKind::Flags(flags) => {
            ("flag", flags.flags.iter().map(|flag| (flag.name.clone(), String::new())).collect())
        }
        _ => ("part", Vec::new()),
    }
}
