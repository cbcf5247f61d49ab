//! What a picture says of itself: only its header is read, so a picture that lies about its size costs nothing here.

use imagesize::ImageType;

use crate::store::{PHOTO_BYTES_MAX, Photo};

/// The longest side, in pixels: what telephones take.
const SIDE_MAX: usize = 16_384;

/// The most pixels: those of the largest telephone cameras. A browser needs four bytes for each to show it.
const PIXELS_MAX: usize = 120_000_000;

/// Why a file is no photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PhotoError {
    /// There is nothing in it, or too much.
    #[error("a photo has 1 byte to 4 MiB")]
    Size,
    /// Its header is that of nothing we show.
    #[error("a photo is a JPEG or PNG file")]
    Kind,
    /// It is wider or higher than anything.
    #[error("a photo is at most 16384 pixels wide and high, and has at most 120 million")]
    Dimensions,
}

/// Takes a file as a photo.
///
/// # Errors
/// [`PhotoError`] says why it is none.
pub(crate) fn check(picture: Vec<u8>) -> Result<Photo, PhotoError> {
    if picture.is_empty() || picture.len() > PHOTO_BYTES_MAX {
        return Err(PhotoError::Size);
    }
    let media_type = match imagesize::image_type(&picture) {
        Ok(ImageType::Jpeg) => "image/jpeg",
        Ok(ImageType::Png) => "image/png",
        _ => return Err(PhotoError::Kind),
    };
    let dimensions = imagesize::blob_size(&picture).map_err(|_| PhotoError::Kind)?;
    if dimensions.width.saturating_mul(dimensions.height) > PIXELS_MAX {
        return Err(PhotoError::Dimensions);
    }
    let side = |length: usize| match u32::try_from(length) {
        Ok(pixels) if (1..=SIDE_MAX).contains(&length) => Ok(pixels),
        _ => Err(PhotoError::Dimensions),
    };
    Ok(Photo { media_type, width: side(dimensions.width)?, height: side(dimensions.height)?, picture })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a PNG of that size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        file.extend(width.to_be_bytes());
        file.extend(height.to_be_bytes());
        file.extend([8, 2, 0, 0, 0]);
        file
    }

    #[test]
    fn a_picture_is_known_by_its_own_header() {
        let photo = check(png(640, 480)).unwrap();
        assert_eq!((photo.media_type, photo.width, photo.height), ("image/png", 640, 480));
        let jpeg = [
            &b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"[..],
            b"\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03\x01\x22\0\x02\x11\x01\x03\x11\x01",
        ];
        let photo = check(jpeg.concat()).unwrap();
        assert_eq!((photo.media_type, photo.width, photo.height), ("image/jpeg", 640, 480));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert_eq!(check(Vec::new()), Err(PhotoError::Size));
        assert_eq!(check(vec![0; PHOTO_BYTES_MAX + 1]), Err(PhotoError::Size));
        assert_eq!(check(b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()), Err(PhotoError::Kind));
        assert_eq!(check(b"GIF89a\x01\0\x01\0".to_vec()), Err(PhotoError::Kind));
        assert_eq!(check(b"\xff\xd8\xff\xe0".to_vec()), Err(PhotoError::Kind));
        assert_eq!(check(png(0, 10)), Err(PhotoError::Dimensions));
        assert_eq!(check(png(100_000, 10)), Err(PhotoError::Dimensions));
        assert_eq!(check(png(16_000, 16_000)), Err(PhotoError::Dimensions));
    }
}
