//! A cable between the browser and the server that can be pulled out: every connection ends, and
//! none comes about until it is put back.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Cable {
    /// Where the browser reaches the server by it.
    pub url: String,
    out: watch::Sender<bool>,
    connections: watch::Receiver<u32>,
}

impl Cable {
    /// A cable to the server at `url`.
    pub async fn to(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (out, is_out) = watch::channel(false);
        let (count, connections) = watch::channel(0);
        // Ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((mut browser, _)) = listener.accept().await {
                let mut is_out = is_out.clone();
                if *is_out.borrow() {
                    continue;
                }
                let mut server = TcpStream::connect(&server).await.expect("the server listens");
                count.send_modify(|count| *count += 1);
                let count = count.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut browser, &mut server) => {}
                        _ = is_out.wait_for(|out| *out) => {}
                    }
                    drop((browser, server));
                    count.send_modify(|count| *count -= 1);
                });
            }
        });
        Self { url: format!("http://{address}"), out, connections }
    }

    /// Pulls it out; nothing is connected any more.
    pub async fn pull_out(&mut self) {
        self.out.send_replace(true);
        self.connections.wait_for(|count| *count == 0).await.expect("it is counted");
    }

    /// Puts it back.
    pub fn put_back(&self) {
        self.out.send_replace(false);
    }
}
