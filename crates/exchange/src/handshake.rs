//! How two task hosts recognize each other before any frame.
//!
//! ```text
//! dialer → acceptor   hello:  magic, version, job, from, to, nonce, HMAC-SHA256(job secret, all before)
//! acceptor → dialer   answer: OK, HMAC-SHA256(job secret, "accepted", nonce)   or   REFUSED, reason
//! ```

use std::{io, time::Duration};

use flott_core::{HostId, JobId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const MAGIC: [u8; 8] = *b"FLOTTDP1";
const VERSION: u32 = 3;
const MAC_LEN: usize = 32;
const NONCE_LEN: usize = 16;
const SIGNED_LEN: usize = 8 + 4 + 16 + 4 + 4 + NONCE_LEN;
const HELLO_LEN: usize = SIGNED_LEN + MAC_LEN;
const ACCEPTED: u8 = 1;
const REFUSED: u8 = 2;
const LIMIT: Duration = Duration::from_secs(5);

/// Who the task hosts of a job are to each other.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) job: JobId,
    pub(crate) secret: [u8; 32],
}

/// What a dialer says of itself.
struct Hello {
    from: HostId,
    to: HostId,
    nonce: [u8; NONCE_LEN],
}

impl Identity {
    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac
    }

    fn encode(&self, hello: &Hello) -> [u8; HELLO_LEN] {
        let mut bytes = Vec::with_capacity(HELLO_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(self.job.as_bytes());
        bytes.extend_from_slice(&hello.from.0.to_le_bytes());
        bytes.extend_from_slice(&hello.to.0.to_le_bytes());
        bytes.extend_from_slice(&hello.nonce);
        let mac = self.mac(&[&bytes]).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        bytes.try_into().expect("the parts have fixed lengths")
    }

    fn decode(&self, bytes: &[u8; HELLO_LEN]) -> Result<Hello, String> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..8] != MAGIC {
            return Err("this is not the data plane of a Flott job".to_owned());
        }
        if word(8) != VERSION {
            return Err(format!("data plane version {} is spoken here, not {}", VERSION, word(8)));
        }
        if self.mac(&[&bytes[..SIGNED_LEN]]).verify_slice(&bytes[SIGNED_LEN..]).is_err() {
            return Err("the caller does not know this job's secret".to_owned());
        }
        if bytes[12..28] != self.job.as_bytes()[..] {
            return Err("the caller belongs to another job".to_owned());
        }
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&bytes[36..SIGNED_LEN]);
        Ok(Hello { from: HostId(word(28)), to: HostId(word(32)), nonce })
    }

    /// Introduces this task host to the one it has dialed. Waits as long as it takes: a peer that does not know yet which
    /// it is answers later, and must not find that the caller has given up and called again.
    ///
    /// # Errors
    /// If the peer refuses or is not of this job.
    pub(crate) async fn introduce(&self, stream: &mut TcpStream, from: HostId, to: HostId) -> io::Result<()> {
        let nonce = *uuid::Uuid::new_v4().as_bytes();
        stream.write_all(&self.encode(&Hello { from, to, nonce })).await?;
        match stream.read_u8().await? {
            ACCEPTED => {
                let mut mac = [0; MAC_LEN];
                stream.read_exact(&mut mac).await?;
                self.mac(&[b"accepted", &nonce])
                    .verify_slice(&mac)
                    .map_err(|_| refusal("the peer does not know this job's secret".to_owned()))
            }
            _ => {
                let mut reason = String::new();
                stream.take(1 << 10).read_to_string(&mut reason).await?;
                Err(refusal(format!("the peer refused: {reason}")))
            }
        }
    }

    /// Answers a dialer. `expected_to` is this task host itself. Returns the dialer.
    ///
    /// # Errors
    /// If the dialer is not who it has to be; it has been told why.
    pub(crate) async fn welcome(&self, stream: &mut TcpStream, expected_to: HostId) -> io::Result<HostId> {
        timeout(LIMIT, async {
            let mut bytes = [0; HELLO_LEN];
            stream.read_exact(&mut bytes).await?;
            let checked = self.decode(&bytes).and_then(|hello| {
                if hello.to != expected_to {
                    Err(format!("task host {} was wanted, this is task host {expected_to}", hello.to))
                } else if hello.from >= hello.to {
                    Err(format!("task host {} must be dialed, it does not dial {expected_to}", hello.from))
                } else {
                    Ok(hello)
                }
            });
            match checked {
                Ok(hello) => {
                    stream.write_u8(ACCEPTED).await?;
                    let mac = self.mac(&[b"accepted", &hello.nonce]).finalize().into_bytes();
                    stream.write_all(&mac).await?;
                    Ok(hello.from)
                }
                Err(reason) => {
                    stream.write_u8(REFUSED).await?;
                    stream.write_all(reason.as_bytes()).await?;
                    Err(refusal(reason))
                }
            }
        })
        .await
        .unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the caller did not introduce itself"))
        })
    }
}

/// The error of a peer that said no: asking again won't help.
fn refusal(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(secret: u8) -> Identity {
        Identity { job: JobId::from_bytes([7; 16]), secret: [secret; 32] }
    }

    #[test]
    fn only_the_jobs_own_secret_is_accepted() {
        let bytes = identity(1).encode(&Hello { from: HostId(2), to: HostId(3), nonce: [9; 16] });
        let hello = identity(1).decode(&bytes).unwrap();
        assert_eq!((hello.from, hello.to, hello.nonce), (HostId(2), HostId(3), [9; 16]));
        assert!(identity(2).decode(&bytes).err().unwrap().contains("secret"));
    }

    #[test]
    fn changed_hellos_are_refused() {
        let bytes = identity(1).encode(&Hello { from: HostId(2), to: HostId(3), nonce: [9; 16] });
        for position in 0..HELLO_LEN {
            let mut changed = bytes;
            changed[position] ^= 1;
            assert!(identity(1).decode(&changed).is_err(), "byte {position}");
        }
    }
}
