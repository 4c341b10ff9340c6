//! What an argument says.

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Does what the lines of a file say.
    Script(String),
    /// Writes a line to standard output.
    Print(String),
    /// The same to standard error.
    Error(String),
    /// Prints all arguments, a line each.
    Args,
    /// Prints a variable.
    Env(String),
    /// Prints the folder that it begins in.
    Cwd,
    /// Prints a file.
    Read(String),
    /// Prints the names in a folder, sorted.
    List(String),
    /// Makes a file with a text.
    Write(String, String),
    /// Copies a file.
    Copy(String, String),
    /// Makes a folder.
    Folder(String),
    /// Makes a link: what it points to, and where it is.
    Link(String, String),
    /// Goes on only if there is such a file, or if there is none.
    Goes {
        /// The file.
        path: String,
        /// Whether it has to be there.
        there: bool,
    },
    /// Waits (ms).
    Sleep(u64),
    /// Computes for ever.
    Spin,
    /// Takes so many MiB of memory.
    Eat(usize),
    /// Sends a request to a host.
    Get(String),
    /// Ends with a code.
    Exit(u8),
    /// Ends with WASI's plain failure.
    Fail,
    /// Breaks off.
    Trap,
}

impl Action {
    /// Reads an argument.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(argument: &str) -> Result<Self, String> {
        if argument.starts_with('/') {
            return Ok(Self::Script(argument.to_owned()));
        }
        let (word, rest) = argument.split_once('=').unwrap_or((argument, ""));
        let text = || rest.to_owned();
        let two = || {
            let (first, second) = rest.split_once('=').ok_or_else(|| format!("{argument}: expected {word}=A=B"))?;
            Ok::<_, String>((first.to_owned(), second.to_owned()))
        };
        let number = || rest.parse::<u64>().map_err(|_| format!("{argument}: expected {word}=NUMBER"));
        Ok(match word {
            "print" => Self::Print(text()),
            "error" => Self::Error(text()),
            "args" => Self::Args,
            "env" => Self::Env(text()),
            "cwd" => Self::Cwd,
            "read" => Self::Read(text()),
            "list" => Self::List(text()),
            "write" => two().map(|(path, text)| Self::Write(path, text))?,
            "copy" => two().map(|(from, to)| Self::Copy(from, to))?,
            "folder" => Self::Folder(text()),
            "link" => two().map(|(target, path)| Self::Link(target, path))?,
            "if-there" => Self::Goes { path: text(), there: true },
            "unless-there" => Self::Goes { path: text(), there: false },
            "sleep" => Self::Sleep(number()?),
            "spin" => Self::Spin,
            "eat" => Self::Eat(usize::try_from(number()?).map_err(|error| error.to_string())?),
            "get" => Self::Get(text()),
            "exit" => Self::Exit(u8::try_from(number()?).map_err(|_| format!("{argument}: codes end at 255"))?),
            "fail" => Self::Fail,
            "trap" => Self::Trap,
            _ => return Err(format!("{argument}: no such action")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_what_to_do() {
        for (argument, expected) in [
            ("print=a=b", Ok(Action::Print("a=b".into()))),
            ("write=/a=b=c", Ok(Action::Write("/a".into(), "b=c".into()))),
            ("if-there=/a", Ok(Action::Goes { path: "/a".into(), there: true })),
            ("exit=3", Ok(Action::Exit(3))),
            ("args", Ok(Action::Args)),
            ("/a=b", Ok(Action::Script("/a=b".into()))),
            ("copy=/a", Err("copy=/a: expected copy=A=B".to_owned())),
            ("exit=300", Err("exit=300: codes end at 255".to_owned())),
            ("sleep=x", Err("sleep=x: expected sleep=NUMBER".to_owned())),
            ("dance", Err("dance: no such action".to_owned())),
        ] {
            assert_eq!(Action::parse(argument), expected);
        }
    }
}
