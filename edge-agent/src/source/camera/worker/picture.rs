//! Looks at key frames: decodes them, judges their brightness, keeps the newest as a still.

use domain::time::UnixMs;
use ffmpeg_next::{
    Packet, Rational, codec,
    codec::Parameters,
    decoder, encoder, format, frame,
    software::scaling::{Context as Scaler, Flags},
};
use protocol::video::MAX_SNAPSHOT_BYTES;

use crate::source::camera::luma::{Luma, LumaPlane};

/// The widest still, in pixels: enough to recognise what happens, small enough to be sent every minute over a poor line.
const STILL_WIDTH_PX: u32 = 640;
/// Qualities to try until the still fits, in libav's scale (1 best, 31 worst): good, poor, very poor.
const STILL_QUALITIES: [i32; 3] = [5, 12, 24];

/// Looks at the key frames of one stream. Decoder and scaler live no longer than one look takes: most of the time there
/// is nothing to look at, and what they hold on to is a multiple of the picture.
pub(super) struct KeyFrameEye {
    parameters: Parameters,
    newest: Option<(UnixMs, frame::Video)>,
}

impl KeyFrameEye {
    /// An eye for a stream of that description; refused when there is no decoder for it.
    pub(super) fn open(parameters: &Parameters) -> Result<Self, ffmpeg_next::Error> {
        decoder(parameters)?;
        Ok(Self { parameters: parameters.clone(), newest: None })
    }

    /// Decodes a key frame; None when the decoder made no picture of it.
    pub(super) fn look(&mut self, packet: &Packet, at: UnixMs) -> Result<Option<Luma>, ffmpeg_next::Error> {
        let mut decoder = decoder(&self.parameters)?;
        // The one picture is asked for at once: the decoder would otherwise wait for those that might come before it.
        decoder.send_packet(packet)?;
        decoder.send_eof()?;
        let mut picture = frame::Video::empty();
        let outcome = decoder.receive_frame(&mut picture);
        if outcome.is_err() || picture.width() < 2 || picture.height() < 2 {
            return Ok(None);
        }
        let still = shrink(&picture)?;
        let before = self.newest.as_ref().map(|(_, still)| brightness(still));
        let luma = brightness(&still).judge(before.as_ref());
        self.newest = Some((at, still));
        Ok(Some(luma))
    }

    /// The newest picture as JPEG; None: there is none, or none of it fits the protocol's bound.
    pub(super) fn still(&self) -> Result<Option<(UnixMs, Vec<u8>)>, ffmpeg_next::Error> {
        let Some((at, picture)) = &self.newest else { return Ok(None) };
        for quality in STILL_QUALITIES {
            let jpeg = encode(picture, quality)?;
            if jpeg.len() <= MAX_SNAPSHOT_BYTES {
                return Ok(Some((*at, jpeg)));
            }
        }
        Ok(None)
    }
}

/// A decoder on one thread: more would only add delay.
fn decoder(parameters: &Parameters) -> Result<decoder::Video, ffmpeg_next::Error> {
    let mut context = codec::Context::from_parameters(parameters.clone())?;
    context.set_threading(codec::threading::Config::count(1));
    context.decoder().video()
}

/// The picture in the size of a still.
fn shrink(picture: &frame::Video) -> Result<frame::Video, ffmpeg_next::Error> {
    let (width, height) = still_size(picture.width(), picture.height());
    let (from, to, flags) = (picture.format(), format::Pixel::YUVJ420P, Flags::BILINEAR);
    let mut scaler = Scaler::get(from, picture.width(), picture.height(), to, width, height, flags)?;
    let mut still = frame::Video::empty();
    scaler.run(picture, &mut still)?;
    Ok(still)
}

fn brightness(still: &frame::Video) -> LumaPlane {
    LumaPlane::copy(still.data(0), still.stride(0), still.width() as usize, still.height() as usize)
}

/// At most [`STILL_WIDTH_PX`] wide, in proportion, both sides even as the colour planes want it.
fn still_size(width: u32, height: u32) -> (u32, u32) {
    let still_width = width.min(STILL_WIDTH_PX);
    let still_height = u64::from(height) * u64::from(still_width) / u64::from(width.max(1));
    let even = |side: u32| (side & !1).max(2);
    (even(still_width), even(u32::try_from(still_height).unwrap_or(u32::MAX)))
}

fn encode(picture: &frame::Video, quality: i32) -> Result<Vec<u8>, ffmpeg_next::Error> {
    let mjpeg = encoder::find(codec::Id::MJPEG).ok_or(ffmpeg_next::Error::EncoderNotFound)?;
    let mut context = codec::Context::new_with_codec(mjpeg);
    context.set_threading(codec::threading::Config::count(1));
    let mut video = context.encoder().video()?;
    video.set_width(picture.width());
    video.set_height(picture.height());
    video.set_format(picture.format());
    video.set_time_base(Rational(1, 25));
    // One still, one quality: leaves nothing for libav's rate control to decide.
    video.set_qmin(quality);
    video.set_qmax(quality);
    let mut jpeg = video.open_as(mjpeg)?;
    let mut picture = picture.clone();
    picture.set_pts(Some(0));
    jpeg.send_frame(&picture)?;
    jpeg.send_eof()?;
    let mut packet = Packet::empty();
    jpeg.receive_packet(&mut packet)?;
    Ok(packet.data().unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_keeps_its_proportions_and_is_never_enlarged() {
        let check = |from: (u32, u32), to: (u32, u32)| assert_eq!(still_size(from.0, from.1), to);
        check((1280, 720), (640, 360));
        check((2592, 1944), (640, 480));
        check((352, 288), (352, 288));
        check((721, 5), (640, 4));
        check((16_384, 2), (640, 2));
    }

    #[test]
    fn a_picture_becomes_a_jpeg_within_the_bound() {
        let mut noise = frame::Video::new(format::Pixel::YUVJ420P, 640, 480);
        let mut state = 1_u32;
        for plane in 0..3 {
            for level in noise.data_mut(plane) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *level = state.to_be_bytes()[0];
            }
        }
        let good = encode(&noise, STILL_QUALITIES[0]).unwrap();
        let poor = encode(&noise, STILL_QUALITIES[2]).unwrap();
        assert!(good.starts_with(&[0xff, 0xd8, 0xff]) && poor.len() < good.len());
        assert!(poor.len() <= MAX_SNAPSHOT_BYTES, "even noise fits: {}", poor.len());
    }
}
