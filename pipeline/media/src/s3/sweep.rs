//! Uploads that nobody finished: what a crash leaves in a bucket.

use std::time::Duration;

use jiff::Timestamp;
use object_store::aws::AmazonS3;
use object_store::multipart::MultipartStore;

use super::bucket::Bucket;
use super::failure::Failure;
use super::xml;
use crate::error::ErrorKind;

/// An upload that is neither completed nor aborted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Upload {
    key: String,
    id: String,
    /// When it was begun, RFC 3339.
    initiated: String,
}

/// A page of the list of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    uploads: Vec<Upload>,
    /// Where the next page begins: after this key and this upload.
    next: Option<(String, String)>,
}

/// Aborts the uploads below a prefix that were begun so long ago, and returns how many there were.
pub(super) async fn sweep(
    bucket: &Bucket,
    store: &AmazonS3,
    prefix: &str,
    age: Duration,
) -> Result<u64, Failure> {
    let (mut removed, mut marker) = (0, None);
    loop {
        let page = page(bucket, prefix, marker.as_ref()).await?;
        for upload in page.uploads.iter().filter(|upload| is_abandoned(upload, age)) {
            let id = upload.id.clone();
            match store.abort_multipart(&upload.key.as_str().into(), &id).await {
                Ok(()) => removed += 1,
                // Another host was faster.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Failure::of(&error)),
            }
        }
        match page.next {
            // A service that sends the same page again would keep us for ever.
            Some(next) if marker.as_ref() != Some(&next) => marker = Some(next),
            _ => return Ok(removed),
        }
    }
}

/// Asks for a page.
async fn page(
    bucket: &Bucket,
    prefix: &str,
    marker: Option<&(String, String)>,
) -> Result<Page, Failure> {
    let mut query = vec![("uploads", "")];
    if !prefix.is_empty() {
        query.push(("prefix", prefix));
    }
    if let Some((key, id)) = marker {
        query.push(("key-marker", key));
        query.push(("upload-id-marker", id));
    }
    bucket.ask(&query).await.map(|document| read(&document))
}

/// Reads a page.
fn read(document: &str) -> Page {
    let (mut page, mut upload) = (Page::default(), Upload::default());
    let (mut is_truncated, mut next) = (false, (String::new(), String::new()));
    for (name, text) in xml::elements(document) {
        match name.as_str() {
            "Key" => upload.key = text,
            "UploadId" => upload.id = text,
            "Initiated" => upload.initiated = text,
            "Upload" => page.uploads.push(std::mem::take(&mut upload)),
            "IsTruncated" => is_truncated = text == "true",
            "NextKeyMarker" => next.0 = text,
            "NextUploadIdMarker" => next.1 = text,
            _ => {}
        }
    }
    page.next = Some(next).filter(|_| is_truncated);
    page
}

/// Returns whether an upload was begun so long ago; one that does not say when may be in progress.
fn is_abandoned(upload: &Upload, age: Duration) -> bool {
    let Ok(initiated) = upload.initiated.parse::<Timestamp>() else { return false };
    let since = Timestamp::now().duration_since(initiated);
    // A beginning in the future, by clocks that differ, is no age.
    age.is_zero() || Duration::try_from(since).is_ok_and(|since| since >= age)
}

/// Returns whether the service or our rights know no such list.
pub(super) fn is_unlisted(failure: &Failure) -> bool {
    failure.kind == ErrorKind::Denied || failure.code == "NotImplemented"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_in_whatever_order_its_elements_stand() {
        let document = "<ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker/>\
             <NextKeyMarker>p/2</NextKeyMarker><NextUploadIdMarker>v</NextUploadIdMarker>\
             <IsTruncated>true</IsTruncated>\
             <Upload><Key>p/1</Key><UploadId>u</UploadId><Owner><ID>o</ID></Owner>\
             <Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>\
             <Upload><Initiated>x</Initiated><UploadId>v</UploadId><Key>p/2</Key></Upload>\
             </ListMultipartUploadsResult>";
        let upload = |key: &str, id: &str, initiated: &str| Upload {
            key: key.to_owned(),
            id: id.to_owned(),
            initiated: initiated.to_owned(),
        };
        let page = read(document);
        let uploads = [upload("p/1", "u", "2026-01-02T03:04:05.000Z"), upload("p/2", "v", "x")];
        assert_eq!(page.uploads, uploads);
        assert_eq!(page.next, Some(("p/2".to_owned(), "v".to_owned())));
        assert_eq!(read("<ListMultipartUploadsResult/>"), Page::default());
    }

    #[test]
    fn an_upload_without_a_time_is_left_alone() {
        let upload =
            |initiated: &str| Upload { initiated: initiated.to_owned(), ..Upload::default() };
        let day = Duration::from_secs(86_400);
        assert!(is_abandoned(&upload("2020-01-01T00:00:00Z"), day));
        assert!(!is_abandoned(&upload("2999-01-01T00:00:00Z"), day));
        assert!(is_abandoned(&upload("2999-01-01T00:00:00Z"), Duration::ZERO));
        assert!(!is_abandoned(&upload(""), Duration::ZERO));
        assert!(!is_abandoned(&upload("yesterday"), day));
    }
}
