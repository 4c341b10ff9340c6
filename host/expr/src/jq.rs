//! jq programs (`valueFrom.jqFilter`), by the `jaq` library.
//!
//! # Run it in a limited child
//! A jq program is a program: it loops, recurses and builds strings of any size within one step, and the library has no hook to stop it. The limits
//! here hold what can be held from outside (the size of the input, of the program, the number and size of the results), but an evaluation **cannot
//! be interrupted**, and a deep recursion overflows the stack. Callers therefore run [`eval`] in a child process with a limit on time and memory. In
//! process it is meant for programs that are trusted.
//!
//! There is no clock, no environment and no further input here: `now`, `env`, `$ENV`, `localtime`, `strflocaltime`, `halt` and `input` are errors.

use jaq_core::compile::Undefined;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, Vars, data};
use jaq_json::{Num, Val};

use crate::error::{Error, ErrorKind, Resource, Span};

/// Bytes of a program at most.
pub const PROGRAM_BYTES_MAX: usize = 8 << 10;
/// Brackets within each other, and operators in a row, at most: the library's parser recurses.
const NESTING_MAX: usize = 50;

/// What one jq evaluation may take and give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the input document.
    pub input_bytes_max: usize,
    /// Number of results.
    pub outputs_max: usize,
    /// Bytes of all results together, as JSON.
    pub output_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { input_bytes_max: 16 << 20, outputs_max: 10_000, output_bytes_max: 16 << 20 }
    }
}

type Data = data::JustLut<Val>;

/// Checks a program without running it: syntax, and that all names it uses exist.
pub fn check(program: &str) -> Result<(), Error> {
    let arena = Arena::default();
    compile(program, &arena).map(|_| ()).map_err(|error| error.in_source(program))
}

/// Runs `program` on the JSON text `input` and gives its results as JSON values. Read the head of this module first.
pub fn eval(program: &str, input: &str, limits: Limits) -> Result<Vec<serde_json::Value>, Error> {
    evaluate(program, input, limits).map_err(|error| error.in_source(program))
}

fn evaluate(program: &str, input: &str, limits: Limits) -> Result<Vec<serde_json::Value>, Error> {
    let exceeded = |what, limit: usize| Error::new(ErrorKind::BudgetExceeded { what, limit: limit as u64 });
    if input.len() > limits.input_bytes_max {
        return Err(exceeded(Resource::Input, limits.input_bytes_max));
    }
    let arena = Arena::default();
    let filter = compile(program, &arena)?;
    // serde_json bounds the nesting of what it parses; the library's own reader does not.
    let document: serde_json::Value =
        serde_json::from_str(input).map_err(|cause| Error::value(format!("the input is no JSON: {cause}")))?;
    let context = Ctx::<Data>::new(&filter.lut, Vars::new([]));
    let mut results = Vec::new();
    let mut bytes = 0;
    for result in filter.id.run((context, to_val(&document))) {
        let result = match result {
            Ok(result) => result,
            Err(exception) => {
                return Err(match exception.get_err() {
                    Ok(error) => Error::value(format!("jq: {error}")),
                    Err(_) => {
                        Error::new(ErrorKind::Refused { function: "halt".to_owned(), reason: "a filter has results" })
                    }
                });
            }
        };
        if results.len() >= limits.outputs_max {
            return Err(exceeded(Resource::Outputs, limits.outputs_max));
        }
        let text = result.to_string();
        bytes += text.len();
        if bytes > limits.output_bytes_max {
            return Err(exceeded(Resource::Bytes, limits.output_bytes_max));
        }
        let json: serde_json::Value = serde_json::from_str(&text)
            .map_err(|_| Error::value(format!("a result is no JSON: {}", text.chars().take(80).collect::<String>())))?;
        results.push(plain(json));
    }
    Ok(results)
}

fn compile<'s>(program: &'s str, arena: &'s Arena) -> Result<jaq_core::compile::Filter<jaq_core::Native<Data>>, Error> {
    if program.len() > PROGRAM_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLong { limit: PROGRAM_BYTES_MAX }));
    }
    check_nesting(program)?;
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let modules = Loader::new(definitions)
        .load(arena, File { code: program, path: () })
        .map_err(|errors| load_error(errors, program))?;
    Compiler::default().with_funs(functions()).compile(modules).map_err(|errors| compile_error(errors, program))
}

/// The library's functions, those that would look outside replaced by errors.
fn functions() -> impl Iterator<Item = Fun<Data>> {
    let all = jaq_core::funs::<Data>().chain(jaq_std::funs::<Data>()).chain(jaq_json::funs::<Data>());
    all.map(|function| match function.0 {
        "now" | "env" | "localtime" => run::<Data>((function.0, v(0), |_| bome(Err(unavailable())))),
        "strflocaltime" | "halt" => run::<Data>((function.0, v(1), |_| bome(Err(unavailable())))),
        "debug_empty" | "stderr_empty" => run::<Data>((function.0, v(0), |_| Box::new(std::iter::empty()))),
        _ => function,
    })
}

fn unavailable() -> jaq_core::Error<Val> {
    jaq_core::Error::str("there is no clock and no environment here")
}

/// Counts brackets, and operators that the parser recurses on, outside of strings and comments.
fn check_nesting(program: &str) -> Result<(), Error> {
    let (mut depth, mut operators, mut quoted, mut escaped, mut comment) = (0usize, 0usize, false, false, false);
    let mut word = String::new();
    for (at, c) in program.char_indices() {
        if comment {
            comment = c != '\n';
            continue;
        }
        if quoted && c == '(' && escaped {
            // `\(…)` in a string nests a program; its end is counted like any bracket.
            depth += 1;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '#' => comment = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '|' | ',' | '-' | '+' | '*' | '/' | '%' | '<' | '>' | '=' | ';' => operators += 1,
            _ => {}
        }
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            let recursive = ["if", "elif", "try", "reduce", "foreach", "def", "as", "and", "or", "label", "not"];
            operators += usize::from(recursive.contains(&word.as_str()));
            word.clear();
        }
        if depth > NESTING_MAX || operators > NESTING_MAX * 3 {
            return Err(Error::new(ErrorKind::TooDeep { limit: NESTING_MAX })
                .at(Span::new(at, at + c.len_utf8()))
                .hint("a filter this large belongs into a script step"));
        }
    }
    Ok(())
}

/// Where `part`, a slice of `program`, lies in it.
fn place(program: &str, part: &str) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(program.as_ptr() as usize);
    if start > program.len() {
        return Span::new(program.len(), program.len());
    }
    // The library gives the rest of the program; its first word is what was found.
    let len = part.find(|c: char| c.is_whitespace()).unwrap_or(part.len());
    Span::new(start, start + len)
}

fn load_error(errors: load::Errors<&str, ()>, program: &str) -> Error {
    let Some((file, error)) = errors.into_iter().next() else { return Error::internal("jq") };
    let at = |part: &str| place(file.code, part);
    let end = Span::new(program.len(), program.len());
    match error {
        load::Error::Lex(errors) => match errors.into_iter().next() {
            Some((expected, found)) => Error::syntax(at(found), "unexpected text").expected(expected.as_str()),
            None => Error::internal("jq"),
        },
        load::Error::Parse(errors) => match errors.into_iter().next() {
            Some((expected, found)) => {
                let span = if found.is_empty() { end } else { at(found) };
                let what = if found.is_empty() { "unexpected end".to_owned() } else { format!("unexpected {found:?}") };
                Error::syntax(span, what).expected(expected.as_str())
            }
            None => Error::internal("jq"),
        },
        load::Error::Io(files) => {
            let span = files.first().map_or(end, |(path, _)| at(path));
            Error::new(ErrorKind::Refused { function: "import".to_owned(), reason: "a filter has no modules" }).at(span)
        }
    }
}

fn compile_error(errors: jaq_core::compile::Errors<&str, ()>, program: &str) -> Error {
    let Some((file, name, undefined)) =
        errors.into_iter().find_map(|(file, errors)| errors.into_iter().next().map(|(name, what)| (file, name, what)))
    else {
        return Error::internal("jq");
    };
    let span = if file.code == program { place(file.code, name) } else { Span::default() };
    let error = match undefined {
        Undefined::Filter(_) => Error::new(ErrorKind::UnknownFunction(name.to_owned())),
        _ => Error::new(ErrorKind::UnknownName(name.to_owned())),
    };
    let known: Vec<&str> = functions().map(|function| function.0).collect();
    let error = if name == "$ENV" { error.hint("the server's environment is not a workflow's to read") } else { error };
    error.at(span).did_you_mean(&crate::suggest::near(name, known.iter().copied().chain(COMMON)))
}

/// Filters that are defined in jq itself and are often used.
const COMMON: [&str; 24] = [
    "map",
    "select",
    "to_entries",
    "from_entries",
    "with_entries",
    "recurse",
    "first",
    "last",
    "any",
    "all",
    "add",
    "range",
    "join",
    "ascii_downcase",
    "ascii_upcase",
    "unique",
    "unique_by",
    "group_by",
    "min_by",
    "max_by",
    "paths",
    "walk",
    "test",
    "values",
];

/// Nesting is bounded by the parser that made the document.
fn to_val(json: &serde_json::Value) -> Val {
    match json {
        serde_json::Value::Null => Val::Null,
        serde_json::Value::Bool(b) => Val::Bool(*b),
        serde_json::Value::Number(n) => match n.as_i64().and_then(|n| isize::try_from(n).ok()) {
            Some(n) => Val::from(n),
            None => Val::Num(Num::Float(n.as_f64().unwrap_or(f64::NAN))),
        },
        serde_json::Value::String(text) => Val::from(text.clone()),
        serde_json::Value::Array(items) => items.iter().map(to_val).collect(),
        serde_json::Value::Object(entries) => {
            Val::obj(entries.iter().map(|(key, value)| (Val::from(key.clone()), to_val(value))).collect())
        }
    }
}

/// Whole floats as integers, as gojq writes them.
fn plain(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Number(n) if n.is_f64() => match n.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => serde_json::Value::from(float as i64),
            _ => serde_json::Value::Number(n),
        },
        serde_json::Value::Array(items) => items.into_iter().map(plain).collect(),
        serde_json::Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str, input: &str) -> String {
        match eval(program, input, Limits::default()) {
            Ok(results) => results.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.render(),
        }
    }

    #[test]
    fn programs() {
        for (program, input, expected) in [
            (".", "1", "1"),
            (".a.b", r#"{"a":{"b":2}}"#, "2"),
            (".items[].name", r#"{"items":[{"name":"x"},{"name":"y"}]}"#, r#""x" "y""#),
            ("[.[] | select(. > 1)]", "[1,2,3]", "[2,3]"),
            (".[] | . * 2", "[1.5,2]", "3 4"),
            ("map(.a) | add", r#"[{"a":1},{"a":2}]"#, "3"),
            ("to_entries | map(.key)", r#"{"b":1,"a":2}"#, r#"["b","a"]"#),
            ("length", r#""héllo""#, "5"),
            ("@base64", r#""hi""#, r#""aGk=""#),
            ("test(\"^a\")", r#""abc""#, "true"),
            (".x // \"d\"", "{}", r#""d""#),
            ("1 / 3 | floor", "null", "0"),
            ("\"\\(.a) and \\(.b)\"", r#"{"a":1,"b":[2]}"#, r#""1 and [2]""#),
            ("empty", "1", ""),
        ] {
            assert_eq!(run(program, input), expected, "{program}");
        }
    }

    #[test]
    fn mistakes_are_shown() {
        assert_eq!(
            run(".a | selct(.b)", "{}"),
            "there is no function `selct`\n  |\n  | .a | selct(.b)\n  |      ^^^^^\n  = hint: did you mean `select`?"
        );
        assert!(run(".a[", "{}").contains("expected closing bracket"), "{}", run(".a[", "{}"));
        assert!(run("if . then 1", "{}").contains("else or end"), "{}", run("if . then 1", "{}"));
        assert!(run(".a", "[1]").starts_with("jq: cannot index"), "{}", run(".a", "[1]"));
        assert!(run(".", "{").contains("no JSON"));
        assert!(run("error(\"x\")", "1").contains('x'));
    }

    #[test]
    fn nothing_outside_is_seen() {
        for program in ["now", "env", "$ENV", "input", "localtime", "halt", "import \"a\" as a; ."] {
            assert!(eval(program, "0", Limits::default()).is_err(), "{program}");
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { input_bytes_max: 10, outputs_max: 3, output_bytes_max: 100 };
        assert!(eval(".", "[1,2,3,4,5,6]", limits).unwrap_err().is_limit());
        assert!(eval("range(10)", "0", limits).unwrap_err().is_limit());
        assert!(eval("\"x\" * 200", "0", limits).unwrap_err().is_limit());
        for hostile in [
            "(".repeat(5000),
            "[".repeat(4000),
            ".|".repeat(4000),
            "-".repeat(8000),
            "if ".repeat(2000),
            "\"\\(".repeat(2000),
        ] {
            assert!(check(&hostile).is_err());
        }
        assert!(check(&format!(".{}", "|.".repeat(145))).is_ok());
    }
}
