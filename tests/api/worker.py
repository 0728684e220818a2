"""A worker from the job store's view, driven step by step by a test."""

import base64
import hashlib
import json
import secrets

from renderq.contract import Preview, Status
from renderq_shared.jobs import (
    Candidate,
    ClaimRef,
    ClaimRequest,
    JobRecord,
    JobTiming,
    JobUpdate,
    Outcome,
    ProgressResult,
    WorkerRecord,
    commands,
)
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore

IMAGE_BYTES = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
"""Stand-in for an image file; the API does not read its content."""

THUMBNAIL_BYTES = b"RIFF....WEBP"

RUNTIME = {"model_revision": "abc", "device": "cpu", "dtype": "float32", "exactness": "stock"}


class Worker:
    """Claims, reports and finishes jobs through the store."""

    def __init__(
        self, store: RedisJobStore, objects: FolderStore, model: str = "shapes", image: bytes = IMAGE_BYTES
    ) -> None:
        """`image`: the file that all images of its jobs are."""
        self._store, self._objects, self._model, self._image = store, objects, model, image

    def register(self, resident: bool = True) -> None:
        models = (self._model,)
        memory = (1_449_551_462, 2**33, 2**36)
        record = WorkerRecord("worker-1", "cpu", models, models if resident else (), 0, False, 0, 0, "", *memory)
        self._store.call(commands.register(record, ttl_ms=60_000))

    def claim(self, lease_ms: int = 60_000) -> JobRecord:
        record = self.claim_or_none(lease_ms)
        assert record is not None, "no job to claim"
        return record

    def claim_or_none(self, lease_ms: int = 60_000) -> JobRecord | None:
        candidates = (Candidate(self._model, resident=True),)
        request = ClaimRequest(secrets.token_hex(8), "worker-1", lease_ms, candidates, True, 10_000)
        return self._store.call(commands.claim(request))

    def report(self, record: JobRecord, stage: str, step: int = 0, steps: int = 0) -> ProgressResult:
        images = [{"step": step, "steps": steps // record.images, "status": "running"}] if steps else []
        images += [{"step": 0, "steps": steps // record.images, "status": "queued"}] * (len(images) * record.images - 1)
        progress = json.dumps({"step": step, "steps": steps, "images_done": 0, "images": images})
        return self._store.call(commands.progress(claim_ref(record), JobUpdate(stage=stage, progress_json=progress)))

    def has_preview_viewers(self, record: JobRecord) -> bool:
        """Return whether the job's previews have a viewer."""
        return self._store.call(commands.progress(claim_ref(record), JobUpdate())).has_preview_viewers

    def preview(self, record: JobRecord, step: int, index: int = 0, size: int = 3) -> bool:
        """Publish a preview of `size` bytes; return whether it had a viewer."""
        data = base64.b64encode(bytes(size))
        preview = Preview(index=index, step=step, steps=20, content_type="image/jpeg", width=64, height=64, data=data)
        return self._store.call(commands.publish_preview(claim_ref(record), preview.model_dump_json()))

    def finish(self, record: JobRecord, *, thumbnails: bool = False) -> JobRecord:
        """Store all images, then finish the job as succeeded."""
        outputs = [{**self._output(record, index), "seed": 7 + index} for index in range(record.images)]
        has_grid = json.loads(record.request_json)["output"]["grid"]
        grid = {**self._output(record, "grid"), "columns": 2, "rows": 1} if has_grid else None
        for output in outputs if thumbnails else ():
            output["thumbnail"] = self._thumbnail(record, output["index"])
        update = JobUpdate(
            progress_json=json.dumps({"step": 20, "steps": 20, "images_done": record.images}),
            outputs_json=json.dumps(outputs),
            grid_json=json.dumps(grid) if grid else None,
            warnings_json=json.dumps([{"code": "vae_tiling", "message": "Memory was low."}]),
            metrics_json=json.dumps({"load_ms": 5, "inference_ms": 70, "batch_width_mean": 1.5}),
            runtime_json=json.dumps(RUNTIME),
            finished=tuple(range(record.images)),
        )
        return self._end(record, Outcome(Status.SUCCEEDED, update=update, timing=JobTiming("cpu", 70, 70, 5)))

    def fail(self, record: JobRecord) -> JobRecord:
        error = {"code": "nan_output", "message": "The image contains NaN.", "retryable": False, "details": {}}
        return self._end(record, Outcome(Status.FAILED, error_json=json.dumps(error)))

    def cancel(self, record: JobRecord) -> JobRecord:
        return self._end(record, Outcome(Status.CANCELED))

    def _end(self, record: JobRecord, outcome: Outcome) -> JobRecord:
        finished = self._store.call(commands.finish(claim_ref(record), outcome))
        assert finished.accepted
        assert finished.record is not None
        return finished.record

    def _thumbnail(self, record: JobRecord, index: object) -> dict[str, object]:
        key = f"jobs/{record.id}/{record.claim_id}/{index}.thumbnail.webp"
        self._objects.put(key, THUMBNAIL_BYTES, "image/webp")
        return {"key": key, "width": 320, "height": 160, "size_bytes": len(THUMBNAIL_BYTES)}

    def _output(self, record: JobRecord, index: int | str) -> dict[str, object]:
        key = f"jobs/{record.id}/{record.claim_id}/{index}.png"
        self._objects.put(key, self._image, "image/png")
        digest = hashlib.sha256(self._image).hexdigest()
        return {
            "index": index,
            "key": key,
            "content_type": "image/png",
            "width": 64,
            "height": 64,
            "size_bytes": len(self._image),
            "sha256": digest,
            "pixel_sha256": digest,
        }


def claim_ref(record: JobRecord) -> ClaimRef:
    assert record.claim_id is not None
    return ClaimRef(record.id, record.claim_id)
