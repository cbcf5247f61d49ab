/** A telephone's photo is made small enough for a slow line before it is sent. */

/** The longest side of what is sent, in pixels: enough to read a nameplate. */
const longestSide = 1_600
const quality = 0.85

/** The size that fits, in whole pixels. */
export function fitted(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, longestSide / Math.max(width, height))
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  }
}

/** The photo as a JPEG; null: the browser cannot read it. Where it was taken is not sent along. */
export async function shrinkPhoto(file: Blob): Promise<Blob | null> {
  try {
    const picture = await createImageBitmap(file)
    const { width, height } = fitted(picture.width, picture.height)
    const canvas = document.createElement('canvas')
    canvas.width = width
    canvas.height = height
    canvas.getContext('2d')?.drawImage(picture, 0, 0, width, height)
    picture.close()
    return await new Promise((resolve) => {
      canvas.toBlob(resolve, 'image/jpeg', quality)
    })
  } catch {
    return null
  }
}
