//! Loops: what they run over, and their iterations.

use model::IntOrString;
use model::workflow::{NodePhase, Sequence};

use super::call::Caller;
use super::{Decider, Stop};
use crate::change::{Change, Place};
use crate::holder::{self, Repeat};
use crate::state::{Body, NodeIx, Role};
use crate::values::Text;
use crate::vars::Site;

impl Decider<'_, '_> {
    /// Finds the items of a loop.
    pub(super) fn expand(&mut self, node: NodeIx) {
        match self.items(node) {
            Ok(items) => self.tx.emit(Change::Items { node, items }),
            Err(Stop::Parked) => {}
            Err(Stop::Problem(problem)) => self.end(node, NodePhase::Error, problem),
        }
    }

    fn items(&mut self, node: NodeIx) -> Result<Vec<Text>, Stop> {
        let boundary = self.state().boundary(node);
        let inputs = boundary.and_then(|b| self.state().node(b)).and_then(|n| n.inputs.clone());
        let site = Site { boundary, inputs: inputs.as_deref(), ..Site::default() };
        let (items, param, sequence) = match holder::holder(self.state(), node).and_then(holder::Holder::repeat) {
            Some(Repeat::Items(items)) => (Some(items.to_vec()), None, None),
            Some(Repeat::Param(text)) => (None, Some(text.to_owned()), None),
            Some(Repeat::Sequence(sequence)) => (None, None, Some(sequence.clone())),
            None => return Err("the loop has changed under the run".to_owned().into()),
        };
        let max = self.limits().items as usize;
        let list: Vec<Text> = if let Some(items) = items {
            let mut out = Vec::with_capacity(items.len());
            for item in &items {
                out.push(self.item(item.get(), site)?);
            }
            out
        } else if let Some(param) = param {
            let text = self.render(site, &param).map_err(|e| format!("withParam: {e}"))?;
            parse_list(&text)?
        } else if let Some(sequence) = sequence {
            self.sequence(&sequence, site, max)?
        } else {
            Vec::new()
        };
        if list.len() > max {
            return Err(format!("the loop has {} items, more than items_max ({max})", list.len()).into());
        }
        Ok(list)
    }

    /// An item as written: tags in its strings are filled in.
    fn item(&mut self, json: &str, site: Site<'_>) -> Result<Text, Stop> {
        if !json.contains("{{") {
            return Ok(Text::from(json));
        }
        let mut value: serde_json::Value = serde_json::from_str(json).map_err(|e| format!("withItems: {e}"))?;
        self.fill(&mut value, site)?;
        Ok(value.to_string().into())
    }

    fn fill(&mut self, value: &mut serde_json::Value, site: Site<'_>) -> Result<(), Stop> {
        match value {
            serde_json::Value::String(text) if text.contains("{{") => {
                *text = self.render(site, text).map_err(|e| format!("withItems: {e}"))?;
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    self.fill(item, site)?;
                }
            }
            serde_json::Value::Object(fields) => {
                for (_, item) in fields.iter_mut() {
                    self.fill(item, site)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn sequence(&mut self, sequence: &Sequence, site: Site<'_>, max: usize) -> Result<Vec<Text>, Stop> {
        let start = self.number("start", sequence.start.as_ref(), site)?.unwrap_or(0);
        let end = match self.number("count", sequence.count.as_ref(), site)? {
            Some(count) if count <= 0 => return Ok(Vec::new()),
            Some(count) => start.saturating_add(count - 1),
            None => match self.number("end", sequence.end.as_ref(), site)? {
                Some(end) => end,
                None => return Err("withSequence: give count or end".to_owned().into()),
            },
        };
        let format = match &sequence.format {
            Some(format) => Some(self.render(site, format).map_err(|e| format!("withSequence.format: {e}"))?),
            None => None,
        };
        let many = start.abs_diff(end).saturating_add(1);
        if many > max as u64 {
            return Err(format!("withSequence has {many} numbers, more than items_max ({max})").into());
        }
        let mut out = Vec::new();
        let mut at = start;
        loop {
            let text = match &format {
                Some(format) => format_number(format, at).ok_or_else(|| {
                    format!("withSequence.format: {format:?} is not a format of one number such as %d, %02x")
                })?,
                None => at.to_string(),
            };
            out.push(serde_json::Value::String(text).to_string().into());
            if at == end {
                return Ok(out);
            }
            at += if end > start { 1 } else { -1 };
        }
    }

    fn number(&mut self, field: &str, value: Option<&IntOrString>, site: Site<'_>) -> Result<Option<i64>, Stop> {
        let Some(value) = value else { return Ok(None) };
        if let IntOrString::Int(n) = value {
            return Ok(Some(*n));
        }
        let text = self.render(site, &value.to_text()).map_err(|e| format!("withSequence.{field}: {e}"))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| Stop::Problem(format!("withSequence.{field}: {text:?} is not a whole number")))
    }

    /// Begins iterations until there are no more, no more may run at once, or the transaction is full.
    pub(super) fn iterate(&mut self, node: NodeIx) {
        let boundary = self.state().boundary(node);
        let inputs = boundary.and_then(|b| self.state().node(b)).and_then(|n| n.inputs.clone());
        loop {
            if self.tx.is_full() {
                return;
            }
            let state = self.state();
            let Some(Body::Loop(run)) = state.node(node).and_then(|n| n.body.as_deref()) else { return };
            let Some(item) = run.next() else { return };
            // Iterations that are made but not begun count too, or all would be made before the first one holds its slot.
            if boundary.is_some_and(|b| self.crowded(b, run.running)) {
                self.tx.emit(Change::Held { node, place: Place::Boundary });
                return;
            }
            let json = run.items.get(item as usize).cloned().unwrap_or_default();
            let called = Some((node, Role::Item(item)));
            let site = Site { boundary, inputs: inputs.as_deref(), item: Some(&json), called, ..Site::default() };
            match self.call(Some(node), Role::Item(item), Caller::Of(node), site) {
                Ok(()) => {}
                Err(Stop::Parked) => return,
                Err(Stop::Problem(problem)) => self.failed_call(Some(node), Role::Item(item), &problem),
            }
        }
    }

    fn crowded(&self, boundary: NodeIx, running: u32) -> bool {
        let slots = match self.state().node(boundary).and_then(|n| n.body.as_deref()) {
            Some(Body::Dag(dag)) => &dag.slots,
            Some(Body::Steps(steps)) => &steps.slots,
            _ => return false,
        };
        slots.limit.is_some_and(|limit| running >= limit || slots.active >= limit)
    }
}

/// The items of a JSON list, each as JSON text.
fn parse_list(text: &str) -> Result<Vec<Text>, Stop> {
    let problem = |e: &dyn std::fmt::Display| {
        let shown: String = text.chars().take(80).collect();
        Stop::Problem(format!("withParam: the value is not a JSON list ({e}): {shown}"))
    };
    let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(text.trim()).map_err(|e| problem(&e))?;
    Ok(list.into_iter().map(|item| Text::from(item.get())).collect())
}

/// A number as Go's `Printf` writes it with one verb: `%d`, `%03d`, `%x`, `%X`, `%o`, `%b`, `%c`, `%v`, among other text.
fn format_number(format: &str, n: i64) -> Option<String> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut used = false;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let (mut zero, mut left, mut plus, mut space, mut alternate) = (false, false, false, false, false);
        while let Some(flag) = chars.next_if(|c| "0-+ #".contains(*c)) {
            match flag {
                '0' => zero = true,
                '-' => left = true,
                '+' => plus = true,
                ' ' => space = true,
                _ => alternate = true,
            }
        }
        let mut width = 0usize;
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            width = width * 10 + digit.to_digit(10)? as usize;
            if width > 1024 {
                return None;
            }
        }
        let digits = n.unsigned_abs();
        let (prefix, body) = match chars.next()? {
            'd' | 'v' => ("", digits.to_string()),
            'x' => ("0x", format!("{digits:x}")),
            'X' => ("0X", format!("{digits:X}")),
            'o' => ("0", format!("{digits:o}")),
            'b' => ("0b", format!("{digits:b}")),
            'c' => ("", char::from_u32(u32::try_from(n).ok()?)?.to_string()),
            's' => return None,
            _ => return None,
        };
        if used {
            return None;
        }
        used = true;
        let sign = match (n < 0, plus, space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let head = format!("{sign}{}", if alternate { prefix } else { "" });
        let missing = width.saturating_sub(head.chars().count() + body.chars().count());
        match (left, zero) {
            (true, _) => out.push_str(&format!("{head}{body}{}", " ".repeat(missing))),
            (false, true) => out.push_str(&format!("{head}{}{body}", "0".repeat(missing))),
            (false, false) => out.push_str(&format!("{}{head}{body}", " ".repeat(missing))),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::format_number;

    #[test]
    fn numbers_are_written_as_go_does() {
        for (format, n, expect) in [
            ("%d", 7, Some("7")),
            ("testuser%02X", 11, Some("testuser0B")),
            ("%03d.txt", -5, Some("-05.txt")),
            ("%-4d|", 5, Some("5   |")),
            ("%#x", 255, Some("0xff")),
            ("100%%", 1, Some("100%")),
            ("%s", 1, None),
            ("%d-%d", 1, None),
        ] {
            assert_eq!(format_number(format, n).as_deref(), expect, "{format} {n}");
        }
    }
}
