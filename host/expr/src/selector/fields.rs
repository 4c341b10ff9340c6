//! Kubernetes field selectors.

use crate::error::{Error, ErrorKind, Span};

/// Bytes of a selector at most.
const SOURCE_BYTES_MAX: usize = 64 << 10;

/// A field selector: `status.phase=Running,metadata.name!=x`. All terms must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Parses `source`; the empty string selects everything. In values, a backslash makes `,`, `=` and `\` plain characters.
    pub fn parse(source: &str) -> Result<FieldSelector, Error> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLong { limit: SOURCE_BYTES_MAX }));
        }
        let mut terms = Vec::new();
        let mut start = 0;
        for term in split_unescaped(source) {
            let span = Span::new(start, start + term.len());
            start += term.len() + 1;
            if term.trim().is_empty() {
                continue;
            }
            let (field, equal, value) = [("!=", false), ("==", true), ("=", true)]
                .into_iter()
                .find_map(|(operator, equal)| {
                    let (field, value) = term.split_once(operator)?;
                    Some((field.trim(), equal, value.trim()))
                })
                .ok_or_else(|| {
                    Error::syntax(span, format!("`{}` compares nothing", term.trim()))
                        .expected("`field=value`, `field==value` or `field!=value`")
                        .in_source(source)
                })?;
            if field.is_empty() {
                return Err(Error::syntax(span, "the field is missing").expected("`field=value`").in_source(source));
            }
            terms.push((field.to_owned(), equal, unescape(value, span, source)?));
        }
        Ok(FieldSelector { terms })
    }

    /// The terms: field path, `true` for equal and `false` for unequal, value.
    pub fn terms(&self) -> impl Iterator<Item = (&str, bool, &str)> {
        self.terms.iter().map(|(field, equal, value)| (field.as_str(), *equal, value.as_str()))
    }

    /// Do the fields that `field` gives fulfil all terms? A missing field is the empty string.
    pub fn matches<'l>(&self, field: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.terms().all(|(path, equal, value)| (field(path).unwrap_or("") == value) == equal)
    }
}

fn split_unescaped(source: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in source.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                parts.push(source.get(start..at).unwrap_or(""));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(source.get(start..).unwrap_or(""));
    parts
}

fn unescape(value: &str, span: Span, source: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                _ => {
                    return Err(Error::syntax(span, "unknown escape")
                        .expected("`\\\\`, `\\,` or `\\=`")
                        .in_source(source));
                }
            },
            '=' => {
                return Err(Error::syntax(span, "a second `=`")
                    .hint("in a value it is written `\\=`")
                    .in_source(source));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        let field = |path: &str| match path {
            "status.phase" => Some("Running"),
            "metadata.name" => Some("a,b"),
            _ => None,
        };
        for (selector, expected) in [
            ("", Ok(true)),
            ("status.phase=Running", Ok(true)),
            ("status.phase==Running", Ok(true)),
            ("status.phase!=Running", Ok(false)),
            ("status.phase=Running,metadata.name!=x", Ok(true)),
            (r"metadata.name=a\,b", Ok(true)),
            ("nope=", Ok(true)),
            ("nope!=x", Ok(true)),
            ("status.phase", Err(())),
            ("=x", Err(())),
            ("a=b=c", Err(())),
            (r"a=b\c", Err(())),
        ] {
            assert_eq!(
                FieldSelector::parse(selector).map(|s| s.matches(field)).map_err(|_| ()),
                expected,
                "{selector}"
            );
        }
    }
}
