//! A Chromium of its own for every test: its driver as a process, the pages as elements, and what
//! WebDriver has no word for (the console's log, a page's size, its picture) by the driver's own
//! addresses. Nothing here knows the office's pages.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How long anything may take that a page does by itself.
const AT_MOST: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `chromedriver`, ended when it is dropped, and with it the browsers that it started.
struct Driver {
    process: Child,
    /// The browser's process, once there is one.
    browser: Option<u64>,
    session: String,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("no chromedriver (package chromium-driver): {error}"));
        let told = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let mut driver =
            Self { process, browser: None, session: String::new(), url: String::new() };
        let marker = "started successfully on port ";
        let mut lines = told.lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(marker)));
        let line = line.expect("chromedriver says its port");
        let port = line.split(marker).nth(1).expect("a port").trim_end_matches('.');
        driver.url = format!("http://127.0.0.1:{port}");
        // Reads on to the end, or a full pipe would stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        driver
    }
}

impl Driver {
    /// Without the test's runtime, which may have ended.
    fn end_session(&self) -> std::io::Result<()> {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(AT_MOST))?;
        let head = format!(
            "DELETE /session/{} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n",
            self.session
        );
        stream.write_all(head.as_bytes())?;
        stream.read(&mut [0; 16]).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver ends the browser and waits for it, so that its folder can be removed next.
        if self.end_session().is_err()
            && let Some(pid) = self.browser
        {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What differs between the browsers of tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kind {
    /// Pages' scripts do not run.
    pub without_script: bool,
}

/// A browser with one window, ended when it is dropped.
pub struct Browser {
    client: Client,
    http: reqwest::Client,
    session: String,
    // Dropped before the folder that the browser writes to.
    _driver: Driver,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn start(kind: Kind) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Driver::start();
        let capabilities = capabilities(profile.path().to_str().expect("a text"), kind);
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&driver.url).await;
        let client = client.unwrap_or_else(|error| panic!("no Chromium: {error}"));
        let told = client.capabilities().and_then(|told| told.get("goog:processID"));
        driver.browser = told.and_then(Value::as_u64);
        driver.session = client.session_id().await.expect("answers").expect("a session");
        let session = format!("{}/session/{}", driver.url, driver.session);
        let http = reqwest::Client::new();
        Self { client, http, session, _driver: driver, _profile: profile }
    }

    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Where the window is.
    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    /// The first element of a CSS selector, once there is one.
    pub async fn find(&self, css: &str) -> Element {
        self.wait(Locator::Css(css), css).await
    }

    /// Waits until an XPath finds something.
    pub async fn until(&self, xpath: &str) -> Element {
        self.wait(Locator::XPath(xpath), xpath).await
    }

    async fn wait(&self, locator: Locator<'_>, said: &str) -> Element {
        let wait = self.client.wait().at_most(AT_MOST).every(LOOK_EVERY);
        match wait.for_element(locator).await {
            Ok(element) => element,
            Err(error) => {
                let page = self.client.source().await.unwrap_or_default();
                panic!("{said} is not there ({error}) on {}:\n{page}", self.url().await)
            }
        }
    }

    /// All elements of a CSS selector, now.
    pub async fn all(&self, css: &str) -> Vec<Element> {
        self.client.find_all(Locator::Css(css)).await.expect("a selector")
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// The visible text of the first element of a selector.
    pub async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.expect("a text")
    }

    /// Presses a key wherever the focus is.
    pub async fn press(&self, key: Key) {
        let focused = self.client.active_element().await.expect("a focus");
        focused.send_keys(&char::from(key).to_string()).await.expect("is pressed");
    }

    /// What a script's body returns.
    pub async fn script(&self, body: &str) -> Value {
        self.client.execute(body, Vec::new()).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the console was told since the last time: errors, and what the policy forbade.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.ask("se/log", json!({ "type": "browser" })).await;
        let entries = entries.as_array().expect("a list").iter();
        let texts = entries.map(|entry| format!("{} {}", entry["level"], entry["message"]));
        texts.collect()
    }

    /// Sets the page's size in CSS pixels, however small.
    pub async fn size(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// The whole page as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.devtools("Page.captureScreenshot", whole).await;
        BASE64.decode(answer["data"].as_str().expect("a text").as_bytes()).expect("Base64")
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.ask("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    async fn ask(&self, what: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/{what}", self.session));
        let answer = request.body(body.to_string()).send().await.expect("the driver answers");
        let bytes = answer.bytes().await.expect("reads");
        let mut answer: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{what}: {answer}");
        answer["value"].take()
    }
}

fn capabilities(profile: &str, kind: Kind) -> Value {
    let profile = format!("--user-data-dir={profile}");
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A container's /dev/shm is too small for a page.
        "--disable-dev-shm-usage",
        "--window-size=1440,900",
        // As on a phone, where they lie over the page.
        "--hide-scrollbars",
        "--lang=zh-CN",
        &profile,
    ];
    let mut options = json!({ "args": arguments });
    if kind.without_script {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    })
}
