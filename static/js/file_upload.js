// Sends the file of the form with a progress bar. Without this script the browser sends the form itself.
"use strict";

(() => {
  const form = document.getElementById("upload");
  const progress = document.getElementById("upload-progress");
  const bar = document.getElementById("upload-bar");
  const problem = document.getElementById("upload-problem");
  const button = form.querySelector("[type=submit]");

  function showProblem(text) {
    const alert = document.createElement("p");
    alert.className = "alert alert--danger";
    alert.textContent = text;
    problem.replaceChildren(alert);
    progress.hidden = true;
    button.disabled = false;
  }

  // The response is the page of the import, after a redirect, or this page with a problem.
  function follow(request) {
    if (request.responseURL !== form.action) {
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const told = page.querySelector("#upload-problem p");
    showProblem(told ? told.textContent : form.dataset.cutOff);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.elements.file.files[0];
    if (file.size > Number(form.dataset.fileLimit)) {
      showProblem(form.dataset.tooLarge);
      return;
    }
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (sent) => {
      bar.value = (100 * sent.loaded) / sent.total;
    });
    request.addEventListener("load", () => follow(request));
    request.addEventListener("error", () => showProblem(form.dataset.cutOff));
    request.open("POST", form.action);
    problem.replaceChildren();
    progress.hidden = false;
    button.disabled = true;
    request.send(new FormData(form));
  });
})();
