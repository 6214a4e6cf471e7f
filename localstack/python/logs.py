"""Prints a function's log, oldest line first: of the emulator that runs (`logs.py ENDPOINT GROUP [--follow]`), or what
it kept when it was stopped (`logs.py --kept FILE GROUP`)."""

import json
import sys
import time

from botocore.exceptions import ClientError

from deploy import Clients


def read_new(logs, group, since, seen):
    """Prints the events after `since` (milliseconds) that were not printed yet; returns the newest time."""
    newest = since
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
    events = [event for page in pages for event in page["events"]]
    for event in sorted(events, key=lambda item: item["timestamp"]):
        identity = (event["timestamp"], event.get("logStreamName"), event["message"])
        if identity in seen:
            continue
        seen.add(identity)
        newest = max(newest, event["timestamp"])
        show(event)
    return newest


def show(event):
    moment = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
    print(f'{moment} {event["message"].rstrip()}', flush=True)


def show_kept(path, group):
    """Prints a group of the emulator's saved state, whose keys are account, region and the quoted name."""
    try:
        with open(path, encoding="utf-8") as file:
            groups = json.load(file)["payload"]["log_groups"]["data"]
    except FileNotFoundError:
        groups = {}
    kept = [found for key, found in groups.items() if key.split("\0")[-1] == repr(group)]
    events = [event for found in kept for stream in found["streams"].values() for event in stream["events"]]
    if not events:
        print("nothing was kept", file=sys.stderr)
    for event in sorted(events, key=lambda item: item["timestamp"]):
        show(event)


def main():
    if sys.argv[1] == "--kept":
        return show_kept(*sys.argv[2:])
    endpoint, group, *options = sys.argv[1:]
    logs = Clients(endpoint)("logs")
    newest, seen = 0, set()
    while True:
        try:
            newest = read_new(logs, group, newest, seen)
        except ClientError as error:
            if "ResourceNotFound" not in str(error):
                raise
            if "--follow" not in options:
                print("nothing was logged yet", file=sys.stderr)
        if "--follow" not in options:
            return
        time.sleep(0.5)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
