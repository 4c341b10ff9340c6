//! Where a command writes: results to standard output, everything else to standard error.

use std::io::{self, Write};

use crate::error::CliError;
use crate::render::live::Live;
use crate::render::terminal::ColorChoice;
use crate::render::{Paint, Terminal, Text};

/// The two streams and what their other ends can show.
pub struct Out {
    stdout: Box<dyn Write + Send>,
    stderr: Box<dyn Write + Send>,
    /// The other end of standard output.
    pub terminal: Terminal,
    /// The other end of standard error.
    pub err_terminal: Terminal,
    live: Live,
    quiet: bool,
}

/// Which stream a picture is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: the picture is the result.
    Out,
    /// Standard error: the picture accompanies a result.
    Err,
}

impl Out {
    /// The process's own streams.
    pub fn of_process(color: ColorChoice) -> Self {
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), Terminal::stdout(color), Terminal::stderr(color))
    }

    /// Any streams: tests read what was written.
    pub fn new(
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
        terminal: Terminal,
        err_terminal: Terminal,
    ) -> Self {
        Self { stdout, stderr, terminal, err_terminal, live: Live::new(), quiet: false }
    }

    /// Leaves notes out from now on; warnings and errors are still written.
    pub fn set_quiet(&mut self) {
        self.quiet = true;
    }

    /// Writes a part of the result as it is.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn write(&mut self, text: impl AsRef<[u8]>) -> Result<(), CliError> {
        self.stdout.write_all(text.as_ref())?;
        self.stdout.flush()?;
        Ok(())
    }

    /// Writes a line of the result.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn line(&mut self, text: impl Into<Text>) -> Result<(), CliError> {
        let mut line = text.into().render(&self.terminal);
        line.push('\n');
        self.write(line)
    }

    /// Tells the person something that is no part of the result.
    pub fn note(&mut self, text: impl Into<Text>) {
        if !self.quiet {
            self.tell(text.into());
        }
    }

    /// Warns.
    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.tell(Text::painted(Paint::Yellow, "warning: ").with(Paint::Plain, text));
    }

    /// Tells how it ended.
    pub fn error(&mut self, error: &CliError) {
        let text = error.render(&self.err_terminal);
        // Nobody can be told that standard error is closed.
        let _ = self.stderr.write_all(text.as_bytes());
        let _ = self.stderr.flush();
    }

    /// Writes text to standard error as it is.
    pub fn note_raw(&mut self, text: &str) {
        // As above.
        let _ = self.stderr.write_all(text.as_bytes());
        let _ = self.stderr.flush();
    }

    /// Redraws the picture.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn draw(&mut self, stream: Stream, frame: &[Text]) -> Result<(), CliError> {
        let bytes = match stream {
            Stream::Out => self.live.draw(frame, &self.terminal),
            Stream::Err => self.live.draw(frame, &self.err_terminal),
        };
        self.raw(stream, &bytes)
    }

    /// Writes text above the picture.
    ///
    /// # Errors
    /// The stream is closed.
    pub fn interrupt(&mut self, stream: Stream, above: &str) -> Result<(), CliError> {
        let bytes = self.live.interrupt(above);
        self.raw(stream, &bytes)
    }

    /// What stands there stays; the next picture begins below it.
    pub fn settle(&mut self) {
        self.live = Live::new();
    }

    fn raw(&mut self, stream: Stream, bytes: &str) -> Result<(), CliError> {
        let target = match stream {
            Stream::Out => &mut self.stdout,
            Stream::Err => &mut self.stderr,
        };
        target.write_all(bytes.as_bytes())?;
        target.flush()?;
        Ok(())
    }

    /// Tells the person something that also a quiet command says.
    pub fn tell(&mut self, text: Text) {
        let mut line = text.render(&self.err_terminal);
        line.push('\n');
        // As above.
        let _ = self.stderr.write_all(line.as_bytes());
        let _ = self.stderr.flush();
    }
}
