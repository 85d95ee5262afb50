"""A real disk fills up under load: what the token has signed is recorded nevertheless, and once there
is room the service goes on without a restart."""

import shutil
import subprocess

import service
from kill_tests import LoadTest
from service import expect, run, wait_until

DISK = 96 << 20
LEFT = 256 << 10


class DiskFullTests(LoadTest):
    @classmethod
    def set_up_installation(cls, installation):
        """Puts the home on a small disk of its own."""
        aside = installation.folder / "aside"
        installation.home.rename(aside)
        installation.home.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", installation.home],
            capture_output=True, check=False)
        if mounted.returncode != 0:
            cls.skip_all(installation)
        cls.addClassCleanup(run, ["umount", "-l", installation.home])
        shutil.copytree(aside, installation.home, symlinks=True, dirs_exist_ok=True)

    @classmethod
    def skip_all(cls, installation):
        installation.remove()
        cls.skipTest(cls, "a small disk takes root and the right to mount")

    def fill(self):
        """Leaves LEFT bytes of the disk; the file that takes the others."""
        ballast = self.service.home / "ballast"
        with open(ballast, "wb") as file:
            while (free := shutil.disk_usage(self.service.home).free) > LEFT:
                file.write(bytes(min(free - LEFT + 4095 & ~4095, 1 << 20)))
                file.flush()
        return ballast

    def suspended(self):
        return self.service.metric('chancery_log_refusing{reason="the disk is full"}') == 1

    def test_load_into_a_full_disk_and_out_of_it(self):
        self.addCleanup(self.ending.set)
        for _ in range(10 if service.LONG else 3):
            self.begin_load()
            self.wait_for_releases(100)
            ballast = self.fill()
            wait_until(self.suspended, "the log is suspended", 120)
            self.end_load()
            self.check_refused()
            ballast.unlink()
            self.service.wait_until_ready()
            self.assertFalse(self.suspended())
            self.assertEqual(self.service.metric("chancery_log_reserve"), 1)
        self.begin_load()
        self.wait_for_releases(100)
        self.end_load()
        self.check_everything()

    def check_refused(self):
        client = self.service.client(self.machines[0][1])
        self.addCleanup(client.close)
        before = self.service.metric("chancery_token_signatures_total")
        for _ in range(5):
            refused = client.post(f"/v1/keys/{self.machines[0][0]}.k/sign", {"data": "AAAA"})
            self.assert_problem(refused, 503, detail="the disk is full")
            self.assertIn("Retry-After", refused.headers)
        self.assertEqual(self.service.metric("chancery_token_signatures_total"), before)

    def check_everything(self):
        entries = self.service.entries()
        self.check_log(entries)
        self.check_released(entries)
        results = [entry["result"] for entry in entries if entry["kind"] == "outcome"]
        self.assertEqual(results.count("unknown"), 0, "signatures without their outcome")
        self.assertTrue([entry for entry in entries if entry.get("event") == "resumed"])
        self.assertEqual(self.service.metric("chancery_token_unaccounted_signatures"), 0)
        self.openssl_verifies()
        self.assertEqual(self.service.stop(), 0)
        self.service.verify_log()
        self.service.start()
        expect(200, self.service.public("/readyz"))


if __name__ == "__main__":
    service.main()
