/* Live pages and confirmations of the admin.
 *
 * An element with data-live names channels of /events/ and, in data-live-target, what to replace.
 * When one of them says anything, the page (or data-live-url) is fetched once and that element is
 * taken over from the answer. Everything is rendered by the server; nothing here knows about runs.
 */
(() => {
  "use strict";

  const QUIET_MS = 250;

  class LivePart {
    constructor(element) {
      this.element = element;
      this.target = element.dataset.liveTarget;
      this.url = element.dataset.liveUrl || window.location.href;
      this.busy = false;
      this.again = false;
      this.timer = null;
      this.open();
    }

    open() {
      const channels = this.element.dataset.live.split(" ").map((name) => ["channel", name]);
      this.source = new EventSource(`/events/?${new URLSearchParams(channels)}`);
      const soon = () => this.soon();
      for (const name of this.element.dataset.liveEvents.split(" ")) {
        this.source.addEventListener(name, soon);
      }
      // Whatever happened between rendering and listening.
      this.source.addEventListener("stream-open", () => { this.say("live"); this.soon(); });
      this.source.addEventListener("error", () => this.say("waiting"));
      window.addEventListener("pagehide", () => this.source.close());
    }

    say(state) {
      this.element.dataset.liveState = state;
    }

    soon() {
      if (this.timer === null) {
        this.timer = setTimeout(() => { this.timer = null; this.refresh(); }, QUIET_MS);
      }
    }

    async refresh() {
      if (this.busy || this.isInUse()) {
        this.again = true;
        return;
      }
      this.busy = true;
      try {
        await this.replace();
      } catch (error) {
        this.say("waiting");
      } finally {
        this.busy = false;
      }
      if (this.again) {
        this.again = false;
        this.soon();
      }
    }

    /* Somebody types an answer or is about to press a button: their form stays. */
    isInUse() {
      const active = document.activeElement;
      const place = document.querySelector(this.target);
      const used = place && active && place.contains(active) && active.matches("input, textarea, select");
      if (used) {
        active.addEventListener("blur", () => this.soon(), { once: true });
      }
      return used;
    }

    async replace() {
      const answer = await fetch(this.url, { credentials: "same-origin" });
      if (!answer.ok) {
        return;
      }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const place = document.querySelector(this.target);
      const found = fresh.querySelector(this.target);
      if (!place || !found) {
        return;
      }
      const opened = new Set([...place.querySelectorAll("details[id][open]")].map((one) => one.id));
      for (const one of found.querySelectorAll("details[id]")) {
        one.open = one.open || opened.has(one.id);
      }
      place.replaceWith(document.adoptNode(found));
      if (found.dataset.liveOver !== undefined) {
        this.source.close();
        this.say("over");
      }
    }
  }

  const confirmFirst = (event) => {
    const button = event.target.closest("[data-confirm]");
    if (button && button.dataset.confirm && !window.confirm(button.dataset.confirm)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };

  const copyText = async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
      return;
    }
    const source = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = "Copied";
    } catch (error) {
      window.getSelection().selectAllChildren(source);
    }
  };

  /* The theme's icons are words in a font: readers of the page would hear them. */
  const nameIcons = () => {
    for (const icon of document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
      const owner = icon.closest("a, button");
      if (owner && owner.textContent.trim() === icon.textContent.trim() && !owner.ariaLabel) {
        owner.ariaLabel = owner.title || icon.textContent.trim().replaceAll("_", " ");
      }
      icon.setAttribute("aria-hidden", "true");
    }
  };

  document.addEventListener("click", confirmFirst, true);
  document.addEventListener("click", copyText);
  document.addEventListener("DOMContentLoaded", () => {
    nameIcons();
    for (const element of document.querySelectorAll("[data-live]")) {
      new LivePart(element);
    }
  });
})();
