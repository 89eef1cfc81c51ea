//! What the demo ends with is true: the link opens the office, the line for a second terminal
//! works, and the office's page shows what the officer did there.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A demo that serves on, and the pipe it writes to, which must stay open as a terminal does;
/// ended with this value.
struct Demo(Child, BufReader<ChildStdout>);

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.0.kill().is_err();
        let _waited = self.0.wait().is_err();
    }
}

/// Starts the demo; answers the link and the folder that it prints.
fn started() -> (Demo, String, String) {
    let mut child = Command::new(super::program("fieldbook"))
        .args(["demo", "--lang", "en"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the demo starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let mut demo = Demo(child, out);
    let mut link = None;
    let mut line = String::new();
    while demo.1.read_line(&mut line).expect("the demo writes UTF-8") > 0 {
        let read = std::mem::take(&mut line);
        let line = read.trim();
        if line.contains("/office/link/") {
            link = Some(line.to_owned());
        }
        if let Some((program, folder)) = line.split_once(" --demo ") {
            assert_eq!(program, "cargo run -q -p mobile-bindings --bin fieldbook-phone --");
            return (demo, link.expect("the link stands before it"), folder.to_owned());
        }
    }
    panic!("the demo ended without the line for a second terminal");
}

async fn page(client: &reqwest::Client, url: &str, cookie: &str) -> String {
    let answer = client.get(url).header("cookie", cookie).send().await.expect("answers");
    assert_eq!(answer.status().as_u16(), 200, "{url}");
    answer.text().await.expect("a page")
}

#[tokio::test]
async fn the_link_opens_the_office_and_the_second_terminal_changes_its_page() {
    let (_demo, link, folder) = started();
    // Sets TLS up for the process, which a client of its own needs too.
    sync_core::replica::http::HttpTransport::new().expect("a transport");
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("a client");
    let form = page(&client, &link, "").await;
    assert!(form.contains("id=\"sign-in\""), "the link asks before it signs anybody in");
    let entered = client
        .post(&link)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", link.split("/office").next().expect("an origin"))
        .send()
        .await
        .expect("answers");
    assert_eq!(entered.status().as_u16(), 303);
    let cookie = entered.headers()["set-cookie"].to_str().expect("a text");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    let office = link.split("/link/").next().expect("the office").to_owned();
    let before = page(&client, &office, &cookie).await;
    assert!(before.contains("0 / 3"), "the second round is still to be walked");

    let output = Command::new(super::program("fieldbook-phone"))
        .args(["--demo", &folder, "--json", "--lang", "en"])
        .output()
        .expect("the phone starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let answer: Value =
        serde_json::from_str(said.lines().last().expect("an answer")).expect("JSON");
    assert!(answer["worked_on"].is_string(), "{said}");

    let after = page(&client, &office, &cookie).await;
    assert!(after.contains("1 / 3"), "the page shows the officer's visit");
}
