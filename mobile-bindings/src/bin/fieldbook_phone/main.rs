//! A phone in the terminal: the reference client over the phone object, and the support tool. It
//! parses arguments and shows answers; what is saved, sent and allowed is the object's.

mod answer;
mod arguments;
mod demo;
mod failure;
mod form;
mod inbox;
mod list;
mod open;
mod outbox;
mod patrol;
mod profile;
mod run;
mod salvage;
mod show;
mod signing;
mod value;
mod words;

use std::process::ExitCode;

use arguments::Outside;

fn main() -> ExitCode {
    let outside = Outside::of_the_process();
    let arguments = match arguments::parse(&outside) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let out = answer::Out::new(arguments.json, arguments.language());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return out.fail(&failure::Failure::file("runtime", &error)),
    };
    match runtime.block_on(run::run(arguments, &out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => out.fail(&failure),
    }
}
