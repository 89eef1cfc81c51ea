//! The same over a real socket: headers and bytes as they go over the wire, and a clean end.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::Site;
use crate::http::serve;

async fn exchange(stream: &mut TcpStream, request: &str, until: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    while !String::from_utf8_lossy(&bytes).contains(until) {
        let read = stream.read(&mut buffer).await.expect("reads");
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn a_server_answers_on_its_listener_and_ends_when_told() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let served = tokio::spawn(serve(site.world.app.clone(), listener, shutdown));

    let mut stream = TcpStream::connect(address).await.expect("connects");
    let health = exchange(&mut stream, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", "}").await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
    assert!(health.ends_with(&json!({ "status": "ok" }).to_string()), "{health}");

    // A phone that listens holds its connection: the server ends all the same.
    let mut listening = TcpStream::connect(address).await.expect("connects");
    let listen = format!("GET /v1/poke HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\n\r\n");
    let head = exchange(&mut listening, &listen, "\r\n\r\n").await;
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    drop(stop);
    served.await.expect("ends").expect("well");
    let mut rest = Vec::new();
    listening.read_to_end(&mut rest).await.expect("the stream ended");
}
