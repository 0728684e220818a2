/** Pictures that are dropped or pasted anywhere. */
import { go, route } from "../router.js";
import { viewAddress } from "../routes.js";
import { receive } from "../state/input-picture.js";
import { isVisitor } from "../state/service.js";

/** Start listening. */
export function startDrop() {
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.dataset.dropping = "true";
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) delete document.body.dataset.dropping;
  });
  addEventListener("drop", (event) => {
    delete document.body.dataset.dropping;
    if (takePicture(event.dataTransfer)) event.preventDefault();
  });
  addEventListener("paste", (event) => {
    if (takePicture(event.clipboardData)) event.preventDefault();
  });
}

/**
 * @param {DataTransfer | null} data
 * @returns {boolean} whether there was a picture
 */
function takePicture(data) {
  const file = [...(data?.files ?? [])].find(({ type }) => type.startsWith("image/"));
  if (!file || isVisitor.peek()) return false;
  if (route.peek().view !== "create" || route.peek().jobId) go(viewAddress("create"));
  void receive(file);
  return true;
}
