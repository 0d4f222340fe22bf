// Pictures to search by: picked, pasted or dropped.
import { byId } from "./dom.js";

export function takePictures(send) {
  byId("pick").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => { send(event.target.files[0]); event.target.value = ""; });
  addEventListener("paste", (event) => {
    const picture = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (picture) { event.preventDefault(); send(picture); }
  });
  addEventListener("dragover", (event) => { event.preventDefault(); byId("drop").hidden = ![...event.dataTransfer.types].includes("Files"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("drop").hidden = true; });
  addEventListener("drop", (event) => { event.preventDefault(); byId("drop").hidden = true; send(event.dataTransfer.files[0]); });
}
