//! Semantic versions and the constraints of Masterminds/semver: `^1.2`, `~1.2.3`, `1.2 - 1.4`, `>= 1, < 2 || 3.x`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};

use crate::error::Error;
use crate::func::Func;
use crate::value::Value;

pub(super) static TABLE: &[Func] = &[
    Func::new("sprig.semver", 1, 1, |ctx, args| {
        ctx.meter.alloc(args.str(0)?.len())?;
        Ok(Value::Version(Arc::new(Version::parse(args.str(0)?)?)))
    }),
    Func::new("sprig.semverCompare", 2, 2, |ctx, args| {
        ctx.meter.scan((args.str(0)?.len() + args.str(1)?.len()).saturating_mul(8))?;
        let version = Version::parse(args.str(1)?)?;
        Ok(Value::Bool(satisfies(args.str(0)?, &version)?))
    }),
];

const NUMBERS: &str = r"([0-9]+)(\.[0-9]+)?(\.[0-9]+)?";
const TAIL: &str = r"(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?";

/// A literal of this file is a valid pattern; the fallback matches nothing.
fn fixed(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| fixed(&format!("^v?{NUMBERS}{TAIL}$")));
static CONSTRAINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    fixed(&format!(
        r"^\s*(!=|>=|=>|<=|=<|=|>|<|~>|~|\^)?\s*(v?([0-9xX*]+)(\.[0-9xX*]+)?(\.[0-9xX*]+)?{TAIL})(?:[\s,]+|$)"
    ))
});
static HYPHEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let version = r"v?[0-9xX*]+(?:\.[0-9xX*]+)?(?:\.[0-9xX*]+)?(?:-[0-9A-Za-z\-.]+)?(?:\+[0-9A-Za-z\-.]+)?";
    fixed(&format!(r"({version})\s+-\s+({version})"))
});

/// A semantic version; a missing minor or patch number is zero.
#[derive(Clone, Debug)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: String,
    metadata: String,
    original: String,
}

impl Version {
    /// Reads one: `1.2.3`, `v1.2`, `1.2.3-rc.1+5`.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Version, Error> {
        let invalid = || {
            Error::value(format!("{text:?} is no semantic version"))
                .expected("a version such as `1.2.3`, `v1.2.3-rc.1`")
        };
        let captures = VERSION.as_ref().and_then(|regex| regex.captures(text)).ok_or_else(invalid)?;
        let number = |at: usize| match captures.get(at) {
            Some(found) => found.as_str().trim_start_matches('.').parse().map_err(|_| invalid()),
            None => Ok(0),
        };
        let rest = |at: usize| captures.get(at).map_or("", |found| found.as_str()).to_owned();
        let version = Version {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3)?,
            prerelease: rest(4),
            metadata: rest(5),
            original: text.to_owned(),
        };
        let leading_zero =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
        if version.prerelease.split('.').any(leading_zero) {
            return Err(invalid().hint("a number in a pre-release does not start with 0"));
        }
        Ok(version)
    }

    /// The text it was parsed from.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Whether it satisfies a constraint: alternatives are separated by `||`, requirements that must all hold by commas or spaces.
    ///
    /// # Errors
    /// The constraint is none.
    pub fn satisfies(&self, constraint: &str) -> Result<bool, Error> {
        satisfies(constraint, self)
    }

    /// The order of semantic versioning: build metadata does not count.
    pub fn cmp_precedence(&self, other: &Version) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prerelease(&self.prerelease, &other.prerelease))
    }

    /// Calls `version.name(args)`; `None` when there is no such method.
    pub(crate) fn method(&self, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
        let number = |n: u64| Ok(Value::Int(i64::try_from(n).unwrap_or(i64::MAX)));
        let other = || match args {
            [Value::Version(other)] => Ok(other.as_ref()),
            _ => Err(Error::ty("expected one argument, `sprig.semver(\"…\")`")),
        };
        let is = |wanted: fn(Ordering) -> bool| other().map(|other| Value::Bool(wanted(self.cmp_precedence(other))));
        Some(match name {
            "Major" => number(self.major),
            "Minor" => number(self.minor),
            "Patch" => number(self.patch),
            "Prerelease" => Ok(Value::from(&self.prerelease)),
            "Metadata" => Ok(Value::from(&self.metadata)),
            "Original" => Ok(Value::from(&self.original)),
            "String" => Ok(Value::from(self.to_string())),
            "Compare" => other().map(|other| Value::Int(self.cmp_precedence(other) as i64)),
            "LessThan" => is(Ordering::is_lt),
            "LessThanEqual" => is(Ordering::is_le),
            "GreaterThan" => is(Ordering::is_gt),
            "GreaterThanEqual" => is(Ordering::is_ge),
            "Equal" => is(Ordering::is_eq),
            "IncMajor" => Ok(self.next(self.major.saturating_add(1), 0, 0)),
            "IncMinor" => Ok(self.next(self.major, self.minor.saturating_add(1), 0)),
            // The release that a pre-release precedes is the next patch.
            "IncPatch" if self.prerelease.is_empty() => {
                Ok(self.next(self.major, self.minor, self.patch.saturating_add(1)))
            }
            "IncPatch" => Ok(self.next(self.major, self.minor, self.patch)),
            _ => return None,
        })
    }

    fn next(&self, major: u64, minor: u64, patch: u64) -> Value {
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{prefix}{major}.{minor}.{patch}");
        let (prerelease, metadata) = (String::new(), String::new());
        Value::Version(Arc::new(Version { major, minor, patch, prerelease, metadata, original }))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn compare_prerelease(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        // A release comes after its pre-releases.
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let ordering = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Does `version` satisfy `constraint`? Alternatives are separated by `||`, requirements that must all hold by commas or spaces.
fn satisfies(constraint: &str, version: &Version) -> Result<bool, Error> {
    let invalid = || {
        Error::value(format!("{constraint:?} is no version constraint"))
            .expected("constraints such as `^1.2`, `>= 1.2, < 3`, `1.2 - 1.4`, `1.x || 3.x`")
    };
    let (Some(pattern), Some(hyphen)) = (CONSTRAINT.as_ref(), HYPHEN.as_ref()) else {
        return Err(Error::internal("version pattern"));
    };
    let mut satisfied = false;
    for alternative in constraint.split("||") {
        let rewritten = hyphen.replace_all(alternative, ">=$1,<=$2");
        let mut rest: &str = rewritten.trim();
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut all = true;
        while !rest.is_empty() {
            let captures = pattern.captures(rest).ok_or_else(invalid)?;
            let requirement = Requirement::read(&captures).ok_or_else(invalid)?;
            all &= requirement.holds(version);
            rest = rest.get(captures.get(0).map_or(rest.len(), |found| found.end())..).unwrap_or("");
        }
        satisfied |= all;
    }
    Ok(satisfied)
}

struct Requirement<'c> {
    operator: &'c str,
    version: Version,
    /// A number was missing or a wildcard.
    open: bool,
    open_minor: bool,
    open_patch: bool,
}

impl<'c> Requirement<'c> {
    fn read(captures: &Captures<'c>) -> Option<Requirement<'c>> {
        let part = |at: usize| captures.get(at).map_or("", |found| found.as_str().trim_start_matches('.'));
        let is_open = |text: &str| text.is_empty() || matches!(text, "x" | "X" | "*");
        let (major, minor, patch) = (part(3), part(4), part(5));
        let (text, open, open_minor, open_patch) = if is_open(major) {
            ("0.0.0".to_owned(), true, false, false)
        } else if is_open(minor) {
            (format!("{major}.0.0"), true, true, false)
        } else if is_open(patch) {
            (format!("{major}.{minor}.0"), true, false, true)
        } else {
            (part(2).to_owned(), false, false, false)
        };
        let text = if open && !part(6).is_empty() { format!("{text}-{}", part(6)) } else { text };
        Some(Requirement { operator: part(1), version: Version::parse(&text).ok()?, open, open_minor, open_patch })
    }

    fn holds(&self, version: &Version) -> bool {
        let wanted = &self.version;
        // A pre-release is only looked at by those who ask for one.
        let unasked = !version.prerelease.is_empty() && wanted.prerelease.is_empty();
        if self.operator == "!=" {
            return if self.open {
                !unasked && !self.same_release(version)
            } else {
                version.cmp_precedence(wanted).is_ne()
            };
        }
        if unasked {
            return false;
        }
        let ordering = version.cmp_precedence(wanted);
        match self.operator {
            ">" if !self.open => ordering.is_gt(),
            ">" => {
                version.major > wanted.major
                    || (version.major == wanted.major
                        && !self.open_minor
                        && (if self.open_patch { version.minor > wanted.minor } else { ordering.is_gt() }))
            }
            "<" => ordering.is_lt(),
            ">=" | "=>" => ordering.is_ge(),
            "<=" | "=<" if !self.open => ordering.is_le(),
            "<=" | "=<" => {
                version.major < wanted.major
                    || (version.major == wanted.major && (self.open_minor || version.minor <= wanted.minor))
            }
            "~" | "~>" => self.tilde(version),
            "^" => ordering.is_ge() && self.caret(version),
            _ if self.open => self.tilde(version),
            _ => ordering.is_eq(),
        }
    }

    fn same_release(&self, version: &Version) -> bool {
        version.major == self.version.major && (self.open_minor || version.minor == self.version.minor)
    }

    fn tilde(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.cmp_precedence(wanted).is_lt() {
            return false;
        }
        let anything = (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0) && !self.open_minor && !self.open_patch;
        anything || self.same_release(version)
    }

    fn caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if wanted.major > 0 || self.open_minor {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.open_patch {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
