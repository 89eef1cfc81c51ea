//! The demo's handle on a phone process: one JSON line out, one back.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::phone_process::{PhoneSetup, Request};
use crate::{Error, Result};

/// A running phone process.
pub(super) struct Phone {
    setup: PhoneSetup,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Phone {
    /// Starts the process: this same program, as a phone.
    pub(super) fn start(setup: PhoneSetup) -> Result<Self> {
        let program = std::env::current_exe()?;
        let text = serde_json::to_string(&setup).map_err(|error| broken(&error))?;
        let mut child = Command::new(program)
            .args(["demo-phone", &text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().ok_or(Error::Broken("a piped input"))?;
        let output = child.stdout.take().ok_or(Error::Broken("a piped output"))?;
        Ok(Self { setup, child, input, output: BufReader::new(output).lines() })
    }

    /// Starts it again on the same store after it died.
    pub(super) async fn start_again(&mut self, now_ms: i64) -> Result<()> {
        let ended = self.child.wait().await?;
        if ended.success() {
            return Err(Error::Broken("the phone's process was to be killed"));
        }
        let setup = PhoneSetup { now_ms, seed: self.setup.seed + 1_000, ..self.setup.clone() };
        *self = Self::start(setup)?;
        Ok(())
    }

    /// Asks and waits; `None` if the process died instead of answering.
    pub(super) async fn try_ask(&mut self, request: &Request) -> Result<Option<Value>> {
        let mut line = serde_json::to_string(request).map_err(|error| broken(&error))?;
        line.push('\n');
        self.input.write_all(line.as_bytes()).await?;
        self.input.flush().await?;
        let Some(answer) = self.output.next_line().await? else { return Ok(None) };
        let mut answer: Value = serde_json::from_str(&answer).map_err(|error| broken(&error))?;
        match answer.get("error") {
            Some(error) => Err(Error::Configuration(format!("the phone says: {error}"))),
            None => Ok(Some(answer["ok"].take())),
        }
    }

    /// Asks and waits.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Value> {
        self.try_ask(request).await?.ok_or(Error::Broken("a phone's process died"))
    }

    /// Ends the process and waits for it.
    pub(super) async fn stop(mut self) -> Result<()> {
        let line = serde_json::to_string(&Request::Stop).map_err(|error| broken(&error))?;
        // A process that is gone already needs no word.
        let _gone = self.input.write_all(format!("{line}\n").as_bytes()).await;
        drop(self.input);
        self.child.wait().await?;
        Ok(())
    }
}

fn broken(error: &serde_json::Error) -> Error {
    Error::Configuration(format!("phone process: {error}"))
}
