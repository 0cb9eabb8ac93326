import { ApiError } from '../api/client';

const SIDE = 320;

/** The middle square of a picture, small enough for the server's limit of 1 MiB whatever the camera made. */
export async function squarePicture(file: Blob): Promise<Blob> {
  const refused = () => new ApiError(400, 'AVATAR_INVALID', 'not a picture this browser can read');
  const bitmap = await createImageBitmap(file).catch(() => {
    throw refused();
  });
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext('2d');
  if (!context || side === 0) throw refused();
  context.fillStyle = '#fff'; // JPEG has no transparency
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingQuality = 'high';
  context.drawImage(
    bitmap,
    (bitmap.width - side) / 2,
    (bitmap.height - side) / 2,
    side,
    side,
    0,
    0,
    SIDE,
    SIDE,
  );
  bitmap.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.9));
  if (!blob) throw refused();
  return blob;
}
