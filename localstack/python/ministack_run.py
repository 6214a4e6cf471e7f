"""Starts MiniStack with what Millrace needs changed, and nothing else.

MiniStack is pinned in requirements-run.txt, and the changes below reach into its private names. So each one
checks what it replaces and leaves the stock behaviour where that is not there, with a line in the log.

1. Warm calls: MiniStack waits 42 ms for a delayed acknowledgement and 50 ms for a first log line. Both go.
2. State is saved on a clean stop only, file by file. Here it is saved into a new folder that takes the place of
   the old one in one step, on a clean stop and on SIGUSR1; so a `kill -9` finds the last complete state.
3. When the state is lost but the objects are kept, a stack that names its buckets would be refused. A bucket
   that is there already is adopted, with its objects; and, as on AWS, a bucket that holds objects outlives
   the deletion of its stack.
4. Of an object that lies on the disk all is read for each range, and a range of a version is answered with all of it.
   Here it is the range.
5. Policies are checked against every schedule as one of the group `default`. Here it is that of its own group.

Environment: STATE_DIR (required), and what MiniStack itself reads.
"""

import http.server
import os
import shutil
import signal
import socketserver
import sys
import threading

EXPECTED_VERSION = "1.5.33"


def warn(text):
    print(f"ministack_run: {text}", file=sys.stderr, flush=True)


class Snapshots:
    """Complete saved states: `current` is read at the start; `next` becomes `current` when it is complete."""

    def __init__(self, root):
        self.current = os.path.join(root, "current")
        self.next = os.path.join(root, "next")
        self.previous = os.path.join(root, "previous")
        self.counter = os.path.join(root, "saved")

    def recover(self):
        """Brings a swap that was cut short to its end."""
        if not os.path.isdir(self.current) and os.path.isdir(self.previous):
            os.rename(self.previous, self.current)
        shutil.rmtree(self.next, ignore_errors=True)
        os.makedirs(self.current, exist_ok=True)

    def commit(self):
        shutil.rmtree(self.previous, ignore_errors=True)
        os.rename(self.current, self.previous)
        os.rename(self.next, self.current)
        shutil.rmtree(self.previous, ignore_errors=True)
        count = int(read(self.counter) or "0") + 1
        with open(self.counter + ".tmp", "w", encoding="ascii") as file:
            file.write(str(count))
        os.replace(self.counter + ".tmp", self.counter)


def read(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def speed_up():
    from ministack.core import lambda_runtime

    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    http.server.BaseHTTPRequestHandler.wbufsize = -1
    drain = getattr(lambda_runtime.Worker, "_drain_stderr_bounded", None)
    if drain is None or len(drain.__defaults__ or ()) != 3:
        warn("warm calls stay slow: Worker._drain_stderr_bounded has changed")
        return
    drain.__defaults__ = (0.003, 0.002, 0.25)


def save_in_one_step(app, root):
    from ministack.core import persistence

    if not all(hasattr(app, name) for name in ("save_all", "_build_persistence_save_dict", "load_state")):
        warn("state is saved file by file: MiniStack's persistence has changed")
        return
    snapshots = Snapshots(root)
    snapshots.recover()
    stock_load, stock_save = persistence.load_state, persistence.save_state

    def load_state(service):
        persistence.STATE_DIR = snapshots.current
        return stock_load(service)

    def save_all(services):
        shutil.rmtree(snapshots.next, ignore_errors=True)
        os.makedirs(snapshots.next)
        persistence.STATE_DIR = snapshots.next
        for service, get_state in services.items():
            save_one(service, get_state)
        snapshots.commit()

    def save_one(service, get_state):
        # Worker threads go on changing the dictionaries that are being copied.
        for attempt in range(5):
            try:
                state = get_state()
                break
            except RuntimeError as error:
                if attempt == 4:
                    raise error
        if state is None:
            kept = os.path.join(snapshots.current, f"{service}.json")
            if os.path.exists(kept):
                shutil.copy2(kept, snapshots.next)
            return
        stock_save(service, state)
        if not os.path.exists(os.path.join(snapshots.next, f"{service}.json")):
            raise RuntimeError(f"the state of {service} could not be written")

    def save_now(*_):
        try:
            save_all(app._build_persistence_save_dict())
        except Exception as error:  # the stack goes on with the state saved before
            warn(f"state not saved: {error}")

    app.load_state = load_state
    app.save_all = save_all
    signal.signal(signal.SIGUSR1, save_now)


def adopt_buckets():
    from ministack.services.cloudformation import provisioners

    stock_create = getattr(provisioners, "_s3_create", None)
    stock_delete = getattr(provisioners, "_s3_delete", None)
    handlers = getattr(provisioners, "_RESOURCE_HANDLERS", {}).get("AWS::S3::Bucket", {})
    if stock_create is None or handlers.get("create") is not stock_create or handlers.get("delete") is not stock_delete:
        warn("buckets are not adopted: the bucket provisioner has changed")
        return
    store = provisioners._s3

    def left_over(logical_id, props, stack_name):
        if props.get("BucketName"):
            return props["BucketName"]
        prefix = f"{stack_name}-{logical_id}-".lower()
        return next((name for name in store._buckets if name.startswith(prefix)), None)

    def create(logical_id, props, stack_name):
        name = left_over(logical_id, props, stack_name)
        kept = store._buckets.pop(name, None) if name else None
        if kept is not None:
            props = props | {"BucketName": name}
        try:
            result = stock_create(logical_id, props, stack_name)
        except BaseException:
            if kept is not None:
                store._buckets[name] = kept
            raise
        if kept is not None:
            store._buckets[name]["objects"] = kept["objects"]
        return result

    def delete(physical_id, props):
        kept = store._buckets.get(physical_id)
        stock_delete(physical_id, props)
        if kept is not None and kept["objects"]:
            store._buckets[physical_id] = kept

    handlers.update(create=create, delete=delete)
    provisioners._s3_create = create
    provisioners.s3_bucket_name_conflict = lambda name: None


class StoredBody:
    """The bytes of an object on the disk; those that are asked for are read, and no others."""

    def __init__(self, path):
        self.path = path

    def __getitem__(self, wanted):
        with open(self.path, "rb") as file:
            file.seek(wanted.start)
            return file.read(wanted.stop - wanted.start)


def read_ranges():
    from ministack.services import s3

    names = ("_get_object", "_read_body", "_object_disk_path", "_parse_range", "_buckets")
    if not all(hasattr(s3, name) for name in names):
        warn("objects are read whole for each range: MiniStack's S3 has changed")
        return
    stock_get, stock_read = s3._get_object, s3._read_body
    call = threading.local()

    def is_current(bucket_name, key, version):
        current = s3._buckets.get(bucket_name, {}).get("objects", {}).get(key)
        return current is not None and current.get("version_id") == version

    def get_object(bucket_name, key, headers, query_params=None):
        wanted, params = headers.get("range"), dict(query_params or {})
        version = (params.get("versionId") or [""])[0]
        if wanted and version and is_current(bucket_name, key, version):
            del params["versionId"]
        call.is_ranged = bool(wanted) and not params.keys() & {"versionId", "partNumber"}
        try:
            status, answer, body = stock_get(bucket_name, key, headers, params)
        finally:
            call.is_ranged = False
        if not wanted or status != 200:
            return status, answer, body
        found = s3._parse_range(wanted, len(body))
        if found is None:
            return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
        start, last = found
        answer["Content-Range"] = f"bytes {start}-{last}/{len(body)}"
        answer["Content-Length"] = str(last + 1 - start)
        return 206, answer, body[start : last + 1]

    def read_body(bucket_name, key, obj):
        path = s3._object_disk_path(bucket_name, key)
        if getattr(call, "is_ranged", False) and obj.get("body") is None and path and os.path.isfile(path):
            return StoredBody(path)
        return stock_read(bucket_name, key, obj)

    s3._get_object, s3._read_body = get_object, read_body


def name_groups_of_schedules():
    from ministack.core import iam_actions

    stock = getattr(iam_actions, "extract_resource_arn", None)
    query_param = getattr(iam_actions, "_query_param", None)
    json_field = getattr(iam_actions, "_safe_json_field", None)
    if stock is None or query_param is None or json_field is None:
        warn("schedules are checked as those of the group default: MiniStack's policies have changed")
        return

    def extract(service, method, path, headers, body, query_params, *rest):
        arn = stock(service, method, path, headers, body, query_params, *rest)
        if service != "scheduler" or ":schedule/default/" not in arn:
            return arn
        group = query_param(query_params, "groupName") or json_field(body, "GroupName")
        return arn.replace(":schedule/default/", f":schedule/{group}/", 1) if group else arn

    iam_actions.extract_resource_arn = extract


def main():
    root = os.environ["STATE_DIR"]
    import ministack.app as app
    from importlib.metadata import version

    if version("ministack") == EXPECTED_VERSION:
        speed_up()
        save_in_one_step(app, root)
        adopt_buckets()
        read_ranges()
        name_groups_of_schedules()
    else:
        warn(f"MiniStack {version('ministack')} runs unchanged: the changes are for {EXPECTED_VERSION}")
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    main()
