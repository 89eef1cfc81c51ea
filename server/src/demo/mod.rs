//! `fieldbook demo`: a day of a whole department at an invented site. A real server on a loopback
//! port, five phones as processes with real stores over real HTTP, an office that writes by the
//! interface, all on a scripted clock; at the end an account that closes.

mod office;
mod phone;
mod phone_process;
mod play;
mod scenes;
mod script;
mod show;
mod stage;
mod sum;
mod words;
mod worker;

use std::io::{BufRead, Write};

use clap::{Args, ValueEnum};
use sync_core::texts::Language;

use crate::{Error, Result};
use stage::Stage;

/// How to play.
#[derive(Debug, Args)]
pub struct Demo {
    /// The language of what is printed.
    #[arg(long, value_enum, default_value_t = Lang::Zh)]
    lang: Lang,
    /// End after the play instead of serving on; fails unless every command is accounted for.
    #[arg(long)]
    once: bool,
    /// Repeats a run: keys, ids and codes follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A language by its short name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lang {
    /// 简体中文
    Zh,
    /// English
    En,
}

/// How a phone process is started; not for people.
#[derive(Debug, Args)]
pub struct DemoPhone {
    /// JSON of its setup.
    setup: String,
}

/// Plays the demo.
///
/// # Errors
/// If something of it does not work, or a command is not accounted for.
pub async fn run(demo: Demo, out: &mut dyn Write) -> Result<()> {
    let language = match demo.lang {
        Lang::Zh => Language::ZhCn,
        Lang::En => Language::En,
    };
    let stage = Stage::build(language, demo.seed).await?;
    let played = play::play(&stage, out).await;
    match played {
        Ok(()) if demo.once => {}
        Ok(()) => {
            show::go_on(&stage, out).await?;
            tokio::signal::ctrl_c().await?;
            writeln!(out)?;
        }
        Err(error) => {
            stage.strike().await?;
            return Err(error);
        }
    }
    stage.strike().await
}

/// Runs a phone process.
///
/// # Errors
/// If its store does not open or its input ends in the middle of a line.
pub async fn run_phone(
    phone: DemoPhone,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<()> {
    let setup = serde_json::from_str(&phone.setup)
        .map_err(|error| Error::Configuration(format!("phone setup: {error}")))?;
    phone_process::run(setup, input, out).await
}
