//! Lists: which index to walk.
//!
//! A selector's parts suggest several *drivers*: the index of the order itself (always right, slow when the other parts are rare), the label index, the
//! phase index, the owner's dependents. Which one is short is not known beforehand, so they race: each may look at a thousand rows, then at eight
//! thousand, and so on; the first that fills the page or comes to its end wins. The cost is a small multiple of the best driver's, whatever the data.

use std::cmp::Reverse;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use store::objects::{Key, LabelRequirement, ListQuery, Order, Selector};
use store::token::Position;
use store::{Limits, Result, codec};

use super::objects::wide;
use crate::error::from_sql;
use crate::row::{Kind, NARROW, Narrow, Row};
use crate::seal::Seal;

/// Rows that each driver may look at in the first round, and by how much that grows.
const ROUND: (u64, u64) = (1_000, 8);

/// A page as it was found.
pub(crate) struct Listed {
    pub(crate) rows: Vec<Row>,
    /// Where it ended, when more follows.
    pub(crate) next: Option<Position>,
}

/// Reads one page in the connection's snapshot.
pub(crate) fn list(
    conn: &Connection,
    seal: &Seal,
    kinds: &[Arc<Kind>],
    query: &ListQuery,
    after: Option<&Position>,
    limits: &Limits,
) -> Result<Listed> {
    let limit = limits.page(query.limit);
    let mut found = Vec::new();
    for kind in kinds {
        if let (Some(Position::Key(key)), Order::Name) = (after, query.order) {
            let (ours, theirs) = (&kind.gvk, &key.gvk);
            if (&ours.kind, &ours.api_version) < (&theirs.kind, &theirs.api_version) {
                continue;
            }
        }
        let mut page = Page { conn, seal, kind, selector: &query.selector, order: query.order, after, want: limit + 1 };
        found.extend(page.find()?.into_iter().map(|narrow| (kind.clone(), narrow)));
        if query.order == Order::Name && found.len() > limit {
            break;
        }
    }
    if query.order == Order::NewestFirst && kinds.len() > 1 {
        found.sort_by_key(|(_, n)| Reverse((n.created_ms, n.id)));
    }
    let mut more = found.len() > limit;
    found.truncate(limit);
    let (mut rows, mut bytes, mut last) = (Vec::with_capacity(found.len()), 0, None);
    for (kind, narrow) in found {
        let row = wide(conn, seal, kind, narrow, !query.without_body)?;
        bytes += codec::size_of(&row.seen.object);
        if bytes > limits.page_bytes_max && !rows.is_empty() {
            more = true;
            break;
        }
        last = Some(match query.order {
            Order::Name => Position::Key(row.key.clone()),
            Order::NewestFirst => Position::Newest(row.created_ms, row.id.cast_unsigned()),
        });
        rows.push(row);
    }
    Ok(Listed { rows, next: last.filter(|_| more) })
}

/// One kind's part of a page.
struct Page<'a> {
    conn: &'a Connection,
    seal: &'a Seal,
    kind: &'a Arc<Kind>,
    selector: &'a Selector,
    order: Order,
    after: Option<&'a Position>,
    want: usize,
}

/// A way through the objects: a source with its conditions, and whether it comes in the order of the list.
struct Driver {
    /// One for each range; `FROM …` with `o` joined.
    ranges: Vec<Sql>,
    ordered: bool,
}

/// SQL text and what is bound to its `?`, in order.
#[derive(Clone, Default)]
struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    fn new(text: impl Into<String>, values: Vec<Value>) -> Self {
        Self { text: text.into(), values }
    }

    fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
        self.values.extend(values);
    }
}

fn text(s: &str) -> Value {
    Value::Text(s.to_owned())
}

/// What a scan came to.
enum Scan {
    /// All that the driver has, or as many as were wanted.
    Done(Vec<Narrow>),
    /// It looked at as many rows as it might.
    Tired,
}

impl Page<'_> {
    fn find(&mut self) -> Result<Vec<Narrow>> {
        let Some(filter) = self.filter()? else { return Ok(Vec::new()) };
        let drivers = self.drivers()?;
        // The last one is the order's own index, which may look at everything.
        let mut allowed = ROUND.0;
        loop {
            for (i, driver) in drivers.iter().enumerate() {
                let alone = drivers.len() == 1;
                let allowed = if alone { u64::MAX } else { allowed };
                if let Scan::Done(rows) = self.scan(driver, &filter, allowed)? {
                    tracing::trace!(driver = i, allowed, rows = rows.len(), "listed");
                    return Ok(rows);
                }
            }
            allowed = allowed.saturating_mul(ROUND.1);
        }
    }

    /// Looks at up to `allowed` rows of each range.
    fn scan(&self, driver: &Driver, filter: &Filter, allowed: u64) -> Result<Scan> {
        let mut all = Vec::new();
        for range in &driver.ranges {
            let sql = format!("SELECT {NARROW}, ({}) {}", filter.sql.text, range.text);
            let mut statement = self.conn.prepare_cached(&sql).map_err(from_sql)?;
            let values = params_from_iter(filter.sql.values.iter().chain(&range.values));
            let mut rows = statement.query(values).map_err(from_sql)?;
            let (mut looked, mut here) = (0, 0);
            while let Some(row) = rows.next().map_err(from_sql)? {
                looked += 1;
                if looked > allowed {
                    return Ok(Scan::Tired);
                }
                if !row.get::<_, bool>(9).map_err(from_sql)? {
                    continue;
                }
                let narrow = Narrow::read(row).map_err(from_sql)?;
                if !filter.late.is_empty() && !self.shown(&narrow, &filter.late)? {
                    continue;
                }
                all.push(narrow);
                here += 1;
                // What has its own order must be read to its end before it can be sorted.
                if driver.ordered && here >= self.want {
                    break;
                }
            }
        }
        if !driver.ordered || driver.ranges.len() > 1 {
            match self.order {
                Order::Name => all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name))),
                Order::NewestFirst => all.sort_by_key(|n| Reverse((n.created_ms, n.id))),
            }
            // An object can be in several ranges.
            all.dedup_by_key(|n| n.id);
        }
        all.truncate(self.want);
        Ok(Scan::Done(all))
    }

    /// The requirements that no index can answer.
    fn shown(&self, narrow: &Narrow, late: &[LabelRequirement]) -> Result<bool> {
        let row = wide(self.conn, self.seal, self.kind.clone(), narrow.clone(), false)?;
        Ok(late.iter().all(|requirement| requirement.matches(&row.seen.object.metadata.labels)))
    }

    /// Every condition, as an expression over `o`; nothing when it cannot hold.
    fn filter(&self) -> Result<Option<Filter>> {
        let s = self.selector;
        let mut sql = Sql::new("1", Vec::new());
        let mut late = Vec::new();
        if let Some(namespace) = &s.namespace {
            sql.and("o.namespace = ?", [text(namespace)]);
        }
        if let Some(name) = &s.name {
            sql.and("o.name = ?", [text(name)]);
        }
        if let Some(prefix) = &s.name_prefix {
            sql.and("substr(o.name, 1, ?) = ?", [Value::Integer(characters(prefix)), text(prefix)]);
        }
        if !s.phases.is_empty() {
            sql.and(&format!("o.phase IN ({})", marks(s.phases.len())), s.phases.iter().map(|p| text(p)));
        }
        if let Some(from) = s.created_from {
            sql.and("o.created_ms >= ?", [Value::Integer(from)]);
        }
        if let Some(until) = s.created_until {
            sql.and("o.created_ms < ?", [Value::Integer(until)]);
        }
        if let Some(uid) = &s.owner_uid {
            sql.and("EXISTS(SELECT 1 FROM owners w WHERE w.uid = ? AND w.id = o.id)", [text(uid)]);
        }
        for requirement in &s.labels {
            let name = self.label_name(requirement.key())?;
            let (negation, values) = match (requirement, name) {
                (LabelRequirement::In(..) | LabelRequirement::Exists(_), None) => return Ok(None),
                (LabelRequirement::NotIn(..) | LabelRequirement::NotExists(_), None) => continue,
                (LabelRequirement::Exists(_) | LabelRequirement::NotExists(_), _) => {
                    late.push(requirement.clone());
                    continue;
                }
                (LabelRequirement::In(_, values), _) => ("", values),
                (LabelRequirement::NotIn(_, values), _) => ("NOT ", values),
            };
            let exists = format!(
                "{negation}EXISTS(SELECT 1 FROM labels l WHERE l.kind = {} AND l.name = ? AND l.value IN ({})
                 AND l.created_ms = o.created_ms AND l.id = o.id)",
                self.kind.id,
                marks(values.len())
            );
            sql.and(&exists, name.map(Value::Integer).into_iter().chain(values.iter().map(|v| text(v))));
        }
        Ok(Some(Filter { sql, late }))
    }

    fn drivers(&self) -> Result<Vec<Driver>> {
        let s = self.selector;
        let mut drivers = Vec::new();
        if let Some(uid) = &s.owner_uid {
            let from = "FROM owners w CROSS JOIN objects o ON o.id = w.id WHERE w.uid = ?";
            drivers.push(self.driver(false, vec![Sql::new(from, vec![text(uid)])]));
        }
        let newest = self.order == Order::NewestFirst;
        for requirement in &s.labels {
            let LabelRequirement::In(key, values) = requirement else { continue };
            let Some(name) = self.label_name(key)? else { continue };
            let from =
                "FROM labels l CROSS JOIN objects o ON o.id = l.id WHERE l.kind = ? AND l.name = ? AND l.value = ?";
            let ranges = values.iter().map(|v| Sql::new(from, vec![self.kind.id.into(), name.into(), text(v)]));
            drivers.push(self.bounded(newest, "l", ranges.collect()));
        }
        if !s.phases.is_empty() {
            let from = "FROM objects o INDEXED BY objects_phase WHERE o.kind = ? AND o.phase = ?";
            let ranges = s.phases.iter().map(|p| Sql::new(from, vec![self.kind.id.into(), text(p)]));
            drivers.push(self.bounded(newest, "o", ranges.collect()));
        }
        let named = (s.name.is_some() || s.name_prefix.is_some()) && s.namespace.is_some();
        if newest && named {
            drivers.push(self.driver(false, vec![self.by_name()]));
        }
        drivers.push(match (self.order, &s.namespace) {
            (Order::Name, _) => self.driver(true, vec![self.by_name()]),
            (Order::NewestFirst, Some(namespace)) => {
                let from = "FROM objects o INDEXED BY objects_namespace WHERE o.kind = ? AND o.namespace = ?";
                self.bounded(true, "o", vec![Sql::new(from, vec![self.kind.id.into(), text(namespace)])])
            }
            (Order::NewestFirst, None) => {
                let from = "FROM objects o INDEXED BY objects_created WHERE o.kind = ?";
                self.bounded(true, "o", vec![Sql::new(from, vec![self.kind.id.into()])])
            }
        });
        Ok(drivers)
    }

    /// The index of names, from where the last page ended.
    fn by_name(&self) -> Sql {
        let s = self.selector;
        let mut sql = Sql::new("FROM objects o INDEXED BY objects_name WHERE o.kind = ?", vec![self.kind.id.into()]);
        if let Some(namespace) = &s.namespace {
            sql.and("o.namespace = ?", [text(namespace)]);
            if let Some(name) = &s.name {
                sql.and("o.name = ?", [text(name)]);
            }
            if let Some(prefix) = &s.name_prefix {
                sql.and("o.name >= ?", [text(prefix)]);
                if let Some(end) = after_prefix(prefix) {
                    sql.and("o.name < ?", [text(&end)]);
                }
            }
        }
        if let Some(key) = self.after_key() {
            match &s.namespace {
                Some(_) => sql.and("o.name > ?", [text(&key.name)]),
                None => sql.and("(o.namespace, o.name) > (?, ?)", [text(&key.namespace), text(&key.name)]),
            }
        }
        sql
    }

    fn after_key(&self) -> Option<&Key> {
        match self.after {
            Some(Position::Key(key)) if self.order == Order::Name && key.gvk == self.kind.gvk => Some(key),
            _ => None,
        }
    }

    /// A driver whose source is indexed by the time of creation.
    fn bounded(&self, ordered: bool, table: &str, mut ranges: Vec<Sql>) -> Driver {
        for range in &mut ranges {
            if let Some(from) = self.selector.created_from {
                range.and(&format!("{table}.created_ms >= ?"), [Value::Integer(from)]);
            }
            if let Some(until) = self.selector.created_until {
                range.and(&format!("{table}.created_ms < ?"), [Value::Integer(until)]);
            }
            if let Some(Position::Newest(ms, id)) = self.after {
                let row = format!("({table}.created_ms, {table}.id) < (?, ?)");
                range.and(&row, [Value::Integer(*ms), Value::Integer(id.cast_signed())]);
            }
        }
        let order = format!(" ORDER BY {table}.created_ms DESC, {table}.id DESC");
        self.finish(ordered, ranges, if ordered { &order } else { "" })
    }

    fn driver(&self, ordered: bool, mut ranges: Vec<Sql>) -> Driver {
        if !ordered && let Some(Position::Newest(ms, id)) = self.after {
            for range in &mut ranges {
                range.and("(o.created_ms, o.id) < (?, ?)", [Value::Integer(*ms), Value::Integer(id.cast_signed())]);
            }
        }
        self.finish(ordered, ranges, if ordered { " ORDER BY o.namespace, o.name" } else { "" })
    }

    fn finish(&self, ordered: bool, mut ranges: Vec<Sql>, order: &str) -> Driver {
        for range in &mut ranges {
            range.and("o.deleted = 0", []);
            if let (false, Some(key)) = (ordered, self.after_key()) {
                range.and("(o.namespace, o.name) > (?, ?)", [text(&key.namespace), text(&key.name)]);
            }
            if !ordered {
                range.and("o.kind = ?", [Value::Integer(self.kind.id)]);
            }
            range.text.push_str(order);
        }
        Driver { ranges, ordered }
    }

    fn label_name(&self, name: &str) -> Result<Option<i64>> {
        let mut statement = self.conn.prepare_cached("SELECT id FROM label_names WHERE name = ?1").map_err(from_sql)?;
        statement.query_row([name], |r| r.get(0)).optional().map_err(from_sql)
    }
}

struct Filter {
    sql: Sql,
    /// What must be looked up in the metadata.
    late: Vec<LabelRequirement>,
}

fn marks(n: usize) -> String {
    vec!["?"; n].join(",")
}

fn characters(s: &str) -> i64 {
    i64::try_from(s.chars().count()).unwrap_or(i64::MAX)
}

/// The first text behind all that begin with `prefix`.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_prefixes() {
        for (prefix, want) in [
            ("a", Some("b")),
            ("run-", Some("run.")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), want);
        }
    }
}
