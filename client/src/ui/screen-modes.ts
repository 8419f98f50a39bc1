/** Full screen and picture in picture. Where the browser refuses, the page stays as it is. */

export async function toggleFullScreen(): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen().catch(() => {});
  else await document.documentElement.requestFullscreen().catch(() => {});
}

/** Takes the stage, or else the first picture of someone else, or else one's own. */
export async function togglePictureInPicture(root: ParentNode): Promise<void> {
  if (document.pictureInPictureElement) {
    await document.exitPictureInPicture().catch(() => {});
    return;
  }
  const video =
    root.querySelector<HTMLVideoElement>(".place-stage video.shown") ??
    root.querySelector<HTMLVideoElement>("[data-participant] video.shown") ??
    root.querySelector<HTMLVideoElement>("video.shown");
  await video?.requestPictureInPicture().catch(() => {});
}
