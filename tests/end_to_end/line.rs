//! A line between phones and the server, on a port of its own, that can lose an answer on the way:
//! all of it but the last byte arrives, then the connection is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub struct Line {
    /// Where phones reach the server over this line.
    pub url: String,
    cut: Arc<AtomicBool>,
}

impl Line {
    /// A line to the server at `url`.
    pub async fn to(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let cut = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&cut);
        // Ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server listens");
                tokio::spawn(carry(phone, server, Arc::clone(&armed)));
            }
        });
        Self { url: format!("http://{address}"), cut }
    }

    /// The next answer does not arrive whole. The server gave it: what it writes is committed.
    pub fn cut_next_answer(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Whether the answer was lost.
    pub fn has_cut(&self) -> bool {
        !self.cut.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways until either side closes, or an answer is cut.
async fn carry(phone: TcpStream, server: TcpStream, cut: Arc<AtomicBool>) {
    let (mut from_phone, mut to_phone) = phone.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests =
        tokio::spawn(async move { tokio::io::copy(&mut from_phone, &mut to_server).await });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        let is_cut = cut.swap(false, Ordering::SeqCst);
        let arriving = if is_cut { count - 1 } else { count };
        if to_phone.write_all(&buffer[..arriving]).await.is_err() || is_cut {
            break;
        }
    }
    requests.abort();
}
