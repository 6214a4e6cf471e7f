"""Prints a function's log from the emulator: `logs.py ENDPOINT GROUP [--follow]`, oldest line first."""

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
        moment = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
        print(f'{moment} {event["message"].rstrip()}', flush=True)
    return newest


def main():
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
