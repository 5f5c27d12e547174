"""The base class of AIL's modules as the contract tells of it: LPOP, no try around get_message, messages ended after compute."""

import json
import logging
import os
import time
from abc import ABC, abstractmethod

from lib.objects.ail_objects import get_obj_from_global_id

logging.basicConfig(level="INFO")


class Queue:
    """A queue in a file, one message a line; what is sent and ended goes into another."""

    def __init__(self, name):
        self.name = name

    def note(self, what, *parts):
        with open(os.environ["STUB_SENT"], "a") as file:
            file.write(json.dumps([what, *parts]) + "\n")

    def get_message(self):
        with open(os.environ["STUB_QUEUE"]) as file:
            lines = file.read().splitlines()
        if not lines:
            return None
        with open(os.environ["STUB_QUEUE"], "w") as file:
            file.write("".join(f"{line}\n" for line in lines[1:]))
        if lines[0] == "REDIS AWAY":
            raise ConnectionError("Connection refused")
        if ";" not in lines[0]:
            return None, None, lines[0]
        gid, text = lines[0].split(";", 1)
        return gid, "hash", text

    def end_message(self, gid, hash):
        self.note("ended", gid)


class AbstractModule(ABC):
    def __init__(self, module_name=None, queue=True):
        self.logger = logging.getLogger(type(self).__name__)
        self.module_name = module_name or type(self).__name__
        self.queue, self.obj, self.sha256_mess = Queue(self.module_name), None, None
        self.proceed, self.pending_seconds, self.debug = True, 10, False

    def get_message(self):
        message = self.queue.get_message()
        if message:
            gid, self.sha256_mess, text = message
            self.obj = get_obj_from_global_id(gid) if gid else None
            return text
        return None

    def add_message_to_queue(self, obj=None, message="", queue=None):
        assert queue == "Tags"
        self.queue.note("sent", (obj or self.obj).get_global_id(), message)

    def send_back_message_to_queue(self, message):
        self.queue.note("back", self.obj.get_global_id(), message)

    def run(self):
        while self.proceed:
            message = self.get_message()
            if message or self.obj:
                try:
                    self.compute(message)
                except Exception as error:
                    self.logger.critical("Error in module %s: %s", self.module_name, error)
                if self.obj:
                    self.queue.end_message(self.obj.get_global_id(), self.sha256_mess)
                    self.obj = self.sha256_mess = None
            else:
                self.computeNone()
                time.sleep(self.pending_seconds)

    @abstractmethod
    def compute(self, message):
        pass

    def computeNone(self):
        pass
